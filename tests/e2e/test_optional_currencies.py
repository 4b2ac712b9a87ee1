"""Customers of the web site who are billed in another currency than their price's own."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from typing import Any

import pytest

from sync.desired.account_view import AccountView
from sync.desired.differences import Kind
from sync.desired.mirror import Shown, show
from sync.facts import Price
from sync.facts.currencies import in_currency
from tests.e2e.book import Book
from tests.e2e.looks import changes_nothing, quote_row, settled
from tests.e2e.people import sell
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

ROW = "Id Billing_Key__c Channel__c Status__c Currency__c MRR__c Quantity__c Contracted_MRR__c"
#: 30.00 EUR a month, or 3,900 JPY, or 12.340 KWD; by steps 1.00 EUR and then 0.50, or 1.20 USD and then 0.60.
BY_SEAT = {
    "currency": "eur", "unit_amount": 3000, "recurring[interval]": "month", "currency_options[jpy][unit_amount]": 3900,
    "currency_options[kwd][unit_amount]": 12340,
}  # fmt: skip
BY_STEPS: dict[str, Any] = {
    "currency": "eur", "recurring[interval]": "month", "billing_scheme": "tiered", "tiers_mode": "graduated",
    "tiers[0][up_to]": 10, "tiers[0][unit_amount]": 100, "tiers[1][up_to]": "inf", "tiers[1][unit_amount]": 50,
    "currency_options[usd][tiers][0][up_to]": 10, "currency_options[usd][tiers][0][unit_amount]": 120,
    "currency_options[usd][tiers][1][up_to]": "inf", "currency_options[usd][tiers][1][unit_amount]": 60,
}  # fmt: skip


def _price(world: World, terms: dict[str, Any]) -> str:
    product = world.stripe.post("products", name="Starter (web)")["id"]
    return str(world.stripe.post("prices", form={"product": product, **terms})["id"])


def _buys(world: World, who: str, price: str, seats: int, currency: str) -> dict[str, Any]:
    """A customer of the web site with a card, on this price in this currency, who is an Account."""
    customer = world.stripe.post("customers", name=who, email=f"ops@{who}.example")["id"]
    method = world.stripe.post("payment_methods/pm_card_visa/attach", customer=customer)["id"]
    world.stripe.post(f"customers/{customer}", form={"invoice_settings[default_payment_method]": method})
    world.crm.create(
        "Account", Name=who.title(), Website=f"https://{who}.example", Billing_Email__c=f"ops@{who}.example"
    )
    items = {"items[0][price]": price, "items[0][quantity]": seats}
    return world.stripe.post("subscriptions", form={"customer": customer, "currency": currency, **items})


def _more_seats(world: World, plan: dict[str, Any], price: str, seats: int) -> None:
    schedule = world.stripe.post("subscription_schedules", from_subscription=plan["id"])
    [now] = schedule["phases"]
    phases: dict[str, Any] = {"proration_behavior": "none"}
    for n, (start, end, quantity) in enumerate(
        [(now["start_date"], now["end_date"], 5), (now["end_date"], now["end_date"] + 62 * 86_400, seats)]
    ):
        at = f"phases[{n}]"
        phases |= {f"{at}[start_date]": start, f"{at}[end_date]": end, f"{at}[proration_behavior]": "none"}
        phases |= {f"{at}[items][0][price]": price, f"{at}[items][0][quantity]": quantity}
    world.stripe.post(f"subscription_schedules/{schedule['id']}", form=phases)


def _check(world: World, account: str, seat: Any, currency: str) -> str:
    """A quote that is only asked about, for a deal that begins in the plan's next cycle."""
    return world.crm.quote(
        "Foreseen", account, currency, [(seat, 1, "100.00", {})], Billing_Request__c="Check",
        Start_Date__c="2026-07-25", Term_Months__c=12, Billing_Frequency__c="Monthly",
    )  # fmt: skip


def _shown(world: World) -> dict[str, tuple[Any, ...]]:
    rows = world.crm.rows("Billing_Subscription__c", f"{ROW} Account__r.Name")
    return {r["Account__r"]["Name"]: (r["Currency__c"], r["MRR__c"], r["Channel__c"], r["Id"]) for r in rows}


def _agrees(tandem: Tandem) -> None:
    """A comparison of both sides finds nothing."""
    report = tandem.services.pipeline.nightly.sweep.run("test", heal=False)
    told = [f"{d.kind}: {d.record} {d.field}: {d.expected}, not {d.actual}" for d in report.differences]
    assert told == []


def test_a_plan_is_shown_renewed_and_taken_over_in_the_currency_that_it_is_billed_in(
    world: World, tandem: Tandem
) -> None:
    world.at("2026-06-10")
    by_seat, by_steps = _price(world, BY_SEAT), _price(world, BY_STEPS)
    birch = _buys(world, "birch", by_seat, 5, "jpy")
    cedar = _buys(world, "cedar", by_seat, 5, "kwd")
    _buys(world, "fir", by_steps, 15, "usd")
    _buys(world, "oak", by_steps, 15, "eur")
    settled(tandem)
    before = _shown(world)
    assert {who: shown[:2] for who, shown in before.items()} == {
        "Birch": ("JPY", 19500), "Cedar": ("KWD", Decimal("61.7")), "Fir": ("USD", 15), "Oak": ("EUR", Decimal("12.5")),
    }  # fmt: skip
    accounts = world.crm.rows("Account", "Id Name Billing_Currency__c Next_Invoice_Amount__c", order="Name")
    assert [(a["Billing_Currency__c"], a["Next_Invoice_Amount__c"]) for a in accounts] == [
        ("JPY", 19500), ("KWD", Decimal("61.7")), ("USD", 15), ("EUR", Decimal("12.5")),
    ]  # fmt: skip
    units = world.crm.rows("Billing_Subscription_Item__c", "Unit_Amount__c Billing_Subscription__r.Currency__c")
    assert {u["Billing_Subscription__r"]["Currency__c"]: u["Unit_Amount__c"] for u in units} == {
        "JPY": 3900, "KWD": Decimal("12.34"), "USD": None, "EUR": None,
    }  # fmt: skip
    _agrees(tandem)

    # One has planned more seats from its next cycle on, by a schedule of its own.
    world.at("2026-06-15")
    _more_seats(world, cedar, by_seat, 8)
    settled(tandem)
    next_amounts = world.crm.rows("Account", "Next_Invoice_Amount__c", "Name = 'Cedar'")
    assert [a["Next_Invoice_Amount__c"] for a in next_amounts] == [Decimal("98.72")]
    assert _shown(world)["Cedar"][1] == Decimal("61.7")

    # Sales takes over the one that is billed in yen: 15 of 30 days of 19,500 are not used.
    world.at("2026-06-20")
    account = accounts[0]["Id"]
    seat = world.crm.product("Seat", currencies=["JPY", "USD", "EUR"])
    quote = sell(
        world.crm, [(seat, 50, "9900", {})], account=account, currency="JPY", Start_Date__c="2026-06-25", Term_Months__c=12,
        Billing_Frequency__c="Monthly", Days_Until_Due__c=30,
    )  # fmt: skip
    checked = {code: _check(world, accounts[n]["Id"], seat, code) for n, code in ((2, "USD"), (3, "EUR"))}
    settled(tandem)
    # Of a cycle still to come of the others: 16 of 31 days of 15.00 USD and of 12.50 EUR, each by its own steps.
    for code, words in (("USD", "7.74 USD, which leaves 92.26 USD"), ("EUR", "6.45 EUR, which leaves 93.55 EUR")):
        assert words in quote_row(world, checked[code])["Billing_Preview__c"]
    shown = quote_row(world, quote)
    assert "9,750 JPY, which leaves 485,250 JPY" in shown["Billing_Preview__c"]
    assert shown["First_Invoice_Amount__c"] == 485_250
    world.at("2026-06-25T00:20")
    settled(tandem)
    world.at("2026-06-25T12:00")
    settled(tandem)
    newest = world.stripe.all("invoices", customer=birch["customer"])[0]
    assert (newest["total"], newest["currency"]) == (485_250, "jpy")
    assert sorted(line["amount"] for line in newest["lines"]["data"]) == [-9_750, 495_000]
    assert [s["currency"] for s in world.stripe.all("subscriptions", customer=birch["customer"])] == ["jpy"]
    after = _shown(world)
    assert after["Birch"] == ("JPY", 495_000, "Sales-Led", before["Birch"][3])

    # The others go on.
    world.at("2026-07-10T02:00")
    settled(tandem)
    assert [i["total"] for i in world.stripe.all("invoices") if i["currency"] == "kwd"] == [98_720, 61_700]
    assert {who: shown[:2] for who, shown in _shown(world).items()} == {
        "Birch": ("JPY", 495_000), "Cedar": ("KWD", Decimal("98.72")), "Fir": ("USD", 15), "Oak": ("EUR", Decimal("12.5")),
    }  # fmt: skip
    _agrees(tandem)
    changes_nothing(tandem)


@pytest.mark.long
def test_a_price_of_ours_in_another_currency_is_billed_by_where_its_amount_in_the_deals_is_what_was_signed(
    world: World, tandem: Tandem, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.at("2026-01-10T09:00")
    book = Book(world, tandem)
    seat = world.crm.product("Seat", currencies=["USD"])
    terms = {"Start_Date__c": "2026-02-01", "Term_Months__c": 12, "Billing_Frequency__c": "Monthly"}
    product = f"tandem_{seat['id']}"
    world.stripe.post("products", form={
        "id": product, "name": "Seat", "metadata[salesforce_product_id]": seat["id"], "metadata[tandem_key]": product,
    })  # fmt: skip
    name = "tdm_" + hashlib.sha256(f"{product}|USD|5000|month-1".encode()).hexdigest()[:40]
    theirs = _named(world, product, name, 5000)
    quote = book.sell("birch", [(seat, 3, "50.00", {})], **terms)
    settled(tandem)
    assert quote_row(world, quote)["Billing_Status__c"] == "Scheduled"
    [planned] = [s for s in world.stripe.all("subscription_schedules") if s["metadata"]["tandem_deal"] == quote]
    [phase] = planned["phases"]
    assert (phase["currency"], phase["items"][0]["price"]) == ("usd", theirs)

    world.at("2026-02-01T02:00")
    settled(tandem)
    [invoice] = [i for i in world.stripe.all("invoices") if i["customer"] == planned["customer"]]
    assert (invoice["currency"], invoice["total"]) == ("usd", 15_000)
    row = world.crm.row("Billing_Subscription__c", "Currency__c MRR__c", f"Quote__c = '{quote}'")
    assert row == {"Currency__c": "USD", "MRR__c": 150}
    _agrees(tandem)
    changes_nothing(tandem)

    # One of which nothing can be said is told, and holds up no comparison of others.
    def strange(view: AccountView, *more: Any) -> Shown:
        if view.account_id == book.accounts["birch"]:
            in_currency(Price(id=theirs, currency="eur"), "usd")
        return show(view, *more)

    with monkeypatch.context() as patched:
        patched.setattr("sync.run.mirror.show", strange)
        world.stripe.sign_up("Oak", "ops@oak.example", seats=5, card="pm_card_visa")
        [told] = tandem.services.pipeline.nightly.sweep.run("test", heal=False).differences
    assert (told.kind, told.subject) == (Kind.BEHIND, f"account:{book.accounts['birch']}")
    assert f"BUG-502: The Stripe price {theirs} has no amount in USD" in told.actual
    settled(tandem)

    # Another amount in dollars is another price: the deal is not billed by it.
    world.stripe.post(f"prices/{theirs}", lookup_key="")
    wrong = _named(world, product, name, 5100)
    refused = book.sell("cedar", [(seat, 3, "50.00", {})], **terms)
    before = world.mark()
    tandem.drain()
    told = quote_row(world, refused)
    assert (told["Billing_Code__c"], world.writes(before, "stripe")) == ("BUG-503", [])
    assert f"price {wrong}, unit_amount_decimal" in told["Billing_Message__c"]


def _named(world: World, product: str, name: str, minor: int) -> str:
    """A price in euros under the name that ours would have, with this amount in dollars."""
    terms = {
        "product": product, "currency": "eur", "unit_amount": 4600, "recurring[interval]": "month",
        "lookup_key": name, "currency_options[usd][unit_amount]": minor,
    }  # fmt: skip
    return str(world.stripe.post("prices", form=terms)["id"])
