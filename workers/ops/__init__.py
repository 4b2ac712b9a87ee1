"""Read-only pages for billing operations, served by the web process below `/ops`."""
