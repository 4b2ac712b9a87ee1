"""Finance in Stripe: switches tax on as an account does, and says where it is registered."""

from __future__ import annotations

from tests.e2e.sandbox import World

HOME = {"head_office[address][line1]": "1 Main St", "head_office[address][country]": "IE"}


def tax_is_on(world: World) -> None:
    """Head office in Dublin; tax is collected in Texas, Japan and, by the one-stop shop, in the European Union."""
    world.stripe.post("tax/settings", form=HOME)
    register(world, "US", type="state_sales_tax", state="TX")
    register(world, "JP", type="standard")
    register(world, "IE", type="oss_union")


def register(world: World, country: str, **options: str) -> None:
    """Tax is collected in this country from now on."""
    given = {f"country_options[{country.lower()}][{key}]": value for key, value in options.items()}
    world.stripe.post("tax/registrations", form={"country": country, "active_from": "now", **given})


def account(world: World, country: str, **fields: str) -> str:
    """An Account with a billing address."""
    place = {"BillingStreet": "1 High St", "BillingCity": "Somewhere", "BillingCountry": country}
    known = {"Name": f"Buyer in {country}", "Billing_Email__c": f"ap@{country.lower()}.example", **place}
    return world.crm.create("Account", **{**known, **fields})
