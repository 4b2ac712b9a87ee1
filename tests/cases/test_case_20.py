"""Case 20: a renewal with other products, accepted early and late."""

from decimal import Decimal

import pytest

from tests.e2e.book import Book
from tests.e2e.looks import changes_nothing, day_of, live_through, quote_row, settled
from tests.e2e.people import change, sell
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

MARCH = "2026-01-01"


@pytest.mark.parametrize(
    ("signed", "first"),
    [pytest.param("2026-12-10", "2027-01-01", marks=pytest.mark.long), ("2027-01-05", "2027-01-05")],
)
def test_the_renewal_starts_where_the_old_deal_ends(world: World, tandem: Tandem, signed: str, first: str) -> None:
    world.at("2025-12-20")
    pro = world.crm.product("Pro", currencies=["USD"])
    enterprise = world.crm.product("Enterprise", currencies=["USD"])
    old = sell(
        world.crm, [(pro, 10, "100.00", {})],
        Start_Date__c=MARCH, Term_Months__c=12, Billing_Frequency__c="Monthly",
    )  # fmt: skip
    live_through(world, tandem, signed, days=40)
    renewal = change(
        world.crm, old, [(enterprise, 12, "130.00", {})], kind="Renewal",
        Term_Months__c=12, Billing_Frequency__c="Monthly",
    )  # fmt: skip
    settled(tandem)
    live_through(world, tandem, "2027-02-02", days=30)

    assert len(world.stripe.all("customers")) == 1
    of_2027 = sorted(
        (i for i in world.stripe.all("invoices") if day_of(i["created"]) >= "2027"), key=lambda i: i["created"]
    )
    assert [(day_of(i["created"]), i["total"]) for i in of_2027] == [(first, 156_000), ("2027-02-01", 156_000)]
    [line] = of_2027[0]["lines"]["data"]
    assert line["period"]["start"] == 1798761600
    old_row = world.crm.row("Billing_Subscription__c", "Id Status__c ARR__c Renewed_By__c", f"Billing_Key__c = '{old}'")
    new_row = world.crm.row(
        "Billing_Subscription__c", "Id Status__c ARR__c Start_Date__c", f"Billing_Key__c = '{renewal}'"
    )
    assert (old_row["Renewed_By__c"], old_row["ARR__c"], old_row["Status__c"]) == (new_row["Id"], 0, "Canceled")
    assert (new_row["ARR__c"], new_row["Start_Date__c"]) == (Decimal("18720"), "2027-01-01")
    assert quote_row(world, renewal)["Billing_Status__c"] == "Live"
    changes_nothing(tandem)


@pytest.mark.long
def test_what_was_amended_or_cancelled_is_renewed_from_its_last_day_on(world: World, tandem: Tandem) -> None:
    world.at("2025-12-20")
    book = Book(world, tandem)
    seat = book.product("Seat")
    terms = {"Term_Months__c": 3, "Billing_Frequency__c": "Monthly"}
    for who in ("amended", "cancelled"):
        book.sell(who, [(seat, 10, "10.00", {})], Start_Date__c="2026-01-01", **terms)
    book.live("2025-12-21", "2026-01-10")
    book.change("amended", [(seat, 5, "10.00", {})], Start_Date__c="2026-02-01")
    book.change("cancelled", kind="Cancellation", Start_Date__c="2026-03-01")
    book.live("2026-01-11", "2026-02-02")
    renewals = {who: book.change(who, [(seat, 15, "11.00", {})], kind="Renewal", **terms) for who in book.deals}
    book.live("2026-02-03", "2026-04-02")
    for who, first in (("amended", "2026-04-01"), ("cancelled", "2026-03-01")):
        old = world.crm.row(
            "Billing_Subscription__c", "Renewed_By__c Status__c MRR__c", f"Billing_Key__c = '{book.deals[who]}'"
        )
        new = world.crm.row("Billing_Subscription__c", "Id Start_Date__c MRR__c", f"Billing_Key__c = '{renewals[who]}'")
        assert old == {"Renewed_By__c": new["Id"], "Status__c": "Canceled", "MRR__c": 0}, who
        assert (new["Start_Date__c"], new["MRR__c"]) == (first, 165), who
    book.live("2026-07-02")

    assert book.billed("amended") == [
        ("2026-01-01", 10_000), ("2026-02-01", 15_000), ("2026-03-01", 15_000), *((f"2026-0{m}-01", 16_500) for m in (4, 5, 6)),
    ]  # fmt: skip
    assert book.billed("cancelled") == [
        ("2026-01-01", 10_000), ("2026-02-01", 10_000), *((f"2026-0{m}-01", 16_500) for m in (3, 4, 5)),
    ]  # fmt: skip
    assert {quote_row(world, quote)["Contract_Total__c"] for quote in renewals.values()} == {Decimal(495)}
    for who in book.deals:
        assert book.shown(who) == book.billed(who), who
        assert book.given_back(who) == [], who
    changes_nothing(tandem)
