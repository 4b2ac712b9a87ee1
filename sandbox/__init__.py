"""A Salesforce and a Stripe to run against, spoken to over HTTP only. Start it with ``python -m sandbox``."""
