"""Usage and outcome events on their way to Stripe's Billing Meters: what a row says, and whether it can be billed. Pure."""
