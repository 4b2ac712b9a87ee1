"""Quotes that can't be billed: a code and plain words on the quote, nothing in Stripe, and the others go on (issue: Bad input)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.e2e.looks import changes_nothing, quote_row, settled
from tests.e2e.people import Rep, sell
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

MONTHLY: dict[str, Any] = {"Start_Date__c": "2026-03-01", "Term_Months__c": 12, "Billing_Frequency__c": "Monthly"}


@dataclass(frozen=True)
class Bad:
    """``spoil`` makes a quote that can't be billed; ``mend`` corrects the field; ``says`` are words that its message has."""

    code: str
    says: tuple[str, ...]
    spoil: Callable[[Rep], str]
    mend: Callable[[Rep, str], None]


def _seat(rep: Rep, **more: str | None) -> dict[str, str]:
    return rep.product("Seat", currencies=["USD", "JPY", "KWD"], **more)


def _line(rep: Rep, quote: str) -> str:
    return str(rep.row("QuoteLineItem", "Id", f"QuoteId = '{quote}'")["Id"])


def _product(rep: Rep, quote: str) -> str:
    return str(rep.row("QuoteLineItem", "Product2Id", f"QuoteId = '{quote}'")["Product2Id"])


def _sold(rep: Rep, *lines: Any, **terms: Any) -> str:
    """A signed quote for an Account of its own."""
    number = len(rep.rows("Account", "Id"))
    account = rep.create("Account", Name=f"Buyer {number}", Billing_Email__c=f"ap@buyer{number}.example")
    return sell(rep, lines, account=account, **terms)


def _without_lines(rep: Rep) -> str:
    quote = _sold(rep, (_seat(rep), 1, "10.00", {}), **MONTHLY)
    rep.delete("QuoteLineItem", _line(rep, quote))
    return quote


def _add_line(rep: Rep, quote: str) -> None:
    entry = _seat(rep)["USD"]
    rep.create("QuoteLineItem", QuoteId=quote, PricebookEntryId=entry, Quantity=2, UnitPrice="10.00")


def _without_email(rep: Rep) -> str:
    return sell(rep, [(_seat(rep), 1, "10.00", {})], account=rep.create("Account", Name="No Mail Ltd"), **MONTHLY)


def _add_email(rep: Rep, quote: str) -> None:
    account = rep.row("Quote", "AccountId", f"Id = '{quote}'")["AccountId"]
    rep.change("Account", account, Billing_Email__c="ap@nomail.example")


def _without_start(rep: Rep) -> str:
    return _sold(rep, (_seat(rep), 1, "10.00", {}), Term_Months__c=12, Billing_Frequency__c="Monthly")


def _unmapped(rep: Rep) -> str:
    return _sold(rep, (_seat(rep, charge=None, period=None), 1, "10.00", {}), **MONTHLY)


def _map(rep: Rep, quote: str) -> None:
    rep.change("Product2", _product(rep, quote), Charge_Type__c="Recurring", Price_Period__c="Month")


def _half_a_seat(rep: Rep) -> str:
    return _sold(rep, (_seat(rep), 1.5, "10.00", {}), **MONTHLY)


def _too_fine_for_dinars(rep: Rep) -> str:
    return _sold(rep, (_seat(rep), 1, "10.005", {}), currency="KWD", **MONTHLY)


def _archived_product(rep: Rep) -> str:
    quote = _sold(rep, (_seat(rep), 1, "10.00", {}), **MONTHLY)
    rep.change("Product2", _product(rep, quote), IsActive=False)
    return quote


def _deleted_product(rep: Rep) -> str:
    quote = _sold(rep, (_seat(rep), 1, "10.00", {}), **MONTHLY)
    rep.delete("Product2", _product(rep, quote))
    return quote


def _quote_another(rep: Rep, quote: str) -> None:
    rep.delete("QuoteLineItem", _line(rep, quote))
    _add_line(rep, quote)


def _change_line(**fields: object) -> Callable[[Rep, str], None]:
    return lambda rep, quote: rep.change("QuoteLineItem", _line(rep, quote), **fields)


BAD = {
    "no lines": Bad("DATA-215", ("no lines",), _without_lines, _add_line),
    "no e-mail": Bad("DATA-201", ("Billing_Email__c", "Quote.Email"), _without_email, _add_email),
    "no start": Bad("DATA-215", ("Start_Date__c",), _without_start, lambda r, q: r.change("Quote", q, Start_Date__c="2026-03-01")),
    "unmapped product": Bad("CONF-301", ("Seat", "Charge_Type__c"), _unmapped, _map),
    "quantity 1.5": Bad("DATA-207", ("1.5", "Quantity"), _half_a_seat, _change_line(Quantity=2)),
    "amount the currency can't carry": Bad("DATA-210", ("KWD", "10.005"), _too_fine_for_dinars, _change_line(UnitPrice="10.01")),
    "product archived": Bad(
        "CONF-301", ("IsActive",), _archived_product,
        lambda r, q: r.change("Product2", _product(r, q), IsActive=True),
    ),
    "product deleted": Bad("CONF-301", ("Product2Id",), _deleted_product, _quote_another),
}  # fmt: skip


def test_bad_quotes_say_why_charge_nothing_and_go_on_once_corrected(world: World, tandem: Tandem) -> None:
    world.at("2026-02-10")
    quotes = {bad.spoil(world.crm): bad for bad in BAD.values()}

    refused = tandem.drain()

    assert {key: code for key, code, _ in refused.failed} == {f"quote:{q}": bad.code for q, bad in quotes.items()}
    assert len(refused.failed) == len(BAD)
    for quote, bad in quotes.items():
        shown = quote_row(world, quote)
        assert (shown["Billing_Status__c"], shown["Billing_Code__c"]) == ("Needs Attention", bad.code)
        for words in (*bad.says, "Nothing was charged."):
            assert words in shown["Billing_Message__c"]
        assert shown["Billing_Reference__c"].startswith(bad.code)
    assert world.writes(system="stripe") == []
    changes_nothing(tandem)

    for quote, bad in quotes.items():
        bad.mend(world.crm, quote)
    settled(tandem)

    schedules = {schedule["id"] for schedule in world.stripe.all("subscription_schedules")}
    assert len(schedules) == len(BAD)
    for quote in quotes:
        shown = quote_row(world, quote)
        assert (shown["Billing_Status__c"], shown["Billing_Code__c"], shown["Billing_Message__c"]) == (
            "Scheduled",
            None,
            None,
        )
        schedules.remove(shown["Billing_Reference__c"])
    changes_nothing(tandem)


def test_bad_quotes_hold_up_no_other(world: World, tandem: Tandem) -> None:
    world.at("2026-02-10")
    refused = {bad.spoil(world.crm): bad.code for bad in BAD.values()}
    account = world.crm.create("Account", Name="Good", Billing_Email__c="ap@good.example")
    good = sell(world.crm, [(_seat(world.crm), 5, "10.00", {})], account=account, **MONTHLY)

    done = tandem.drain()

    assert {key.removeprefix("quote:"): code for key, code, _ in done.failed} == refused
    [schedule] = world.stripe.all("subscription_schedules")
    assert quote_row(world, good)["Billing_Reference__c"] == schedule["id"]
    assert len(world.stripe.all("customers")) == len(world.stripe.all("products")) == 1


def test_salesforce_itself_refuses_what_it_would_refuse(world: World) -> None:
    world.at("2026-02-10")
    quote = world.crm.quote(
        "Q", world.crm.create("Account", Name="A"), "USD", [(_seat(world.crm), 1, "10.00", {})], **MONTHLY
    )
    line = _line(world.crm, quote)
    assert world.crm.refused("QuoteLineItem", line, Quantity="a dozen") == "JSON_PARSER_ERROR"
    assert world.crm.refused("Quote", quote, Billing_Frequency__c="Weekly") == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
    opportunity = world.crm.row("Quote", "OpportunityId", f"Id = '{quote}'")["OpportunityId"]
    refusal = world.crm.refused("Opportunity", opportunity, CurrencyIsoCode="XYZ")
    assert refusal in ("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "INVALID_CURRENCY_ISO")


def test_what_stripe_refuses_half_way_says_what_there_is_and_that_nothing_was_charged(
    world: World, tandem: Tandem
) -> None:
    """For a reason that nobody could foresee, when the customer and the product are made already."""
    world.at("2026-03-01")
    world.fault("stripe", "refuse", next=1, match="POST /v1/prices")
    quote = sell(world.crm, [(_seat(world.crm), 1, "20.00", {})], **MONTHLY)
    tandem.drain()

    row = quote_row(world, quote)
    assert (row["Billing_Status__c"], row["Billing_Code__c"]) == ("With Billing Team", "BUG-502")
    assert row["Billing_Message__c"].startswith("Stripe refused to create a price: ")
    assert row["Billing_Message__c"].endswith(" In Stripe nothing bills it yet. Nothing was charged.")
    assert world.stripe.all("subscription_schedules") == world.stripe.all("subscriptions", status="all") == []
