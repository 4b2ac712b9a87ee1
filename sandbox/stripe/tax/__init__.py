"""Stripe Tax: settings, registrations, customers' tax ids, and the tax of invoices. Importing registers the endpoints."""
