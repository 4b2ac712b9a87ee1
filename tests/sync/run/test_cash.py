"""Money that came by bank transfer: one row of its customer, whenever the customer becomes an Account's."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sync import mapping
from sync.facts import CashBalance
from sync.ports import NewLink
from sync.run.cash import Cash
from sync.run.marks import history_marks
from sync.run.rows import ISSUE, Rows
from tests.sync.run.conftest import Place, customer


def looked_at(place: Place) -> list[dict[str, Any]]:
    """What the CRM is told once all that is due has run; it stands there then."""
    parts: Any = {"stripe": place.stripe, "links": place.links, "facts": place.facts, "outbox": place.outbox}
    cash = Cash(**parts, rows=Rows(mapping.load(None)), clock=place.clock)
    mirror = place.mirror(apart={"cash": cash.run})
    while mirror.run_once():
        pass
    told = [dict(row) for row in place.rows(ISSUE).values()]
    place.written()
    return told


def test_it_is_told_once_closed_when_it_is_applied_and_opened_again_by_more(place: Place) -> None:
    place.links.add(NewLink("customer:001A", "001A", "customer", "cus_1"))
    for there, status, sum_ in ((30_000, "Open", 300), (50_000, "Open", 500), (0, "Closed", 500), (100, "Open", 1)):
        place.stripe.has(CashBalance(id="cus_1", available={"usd": there}))
        place.mark("cash:cus_1")
        [row] = looked_at(place)
        assert (row["Code__c"], row["Status__c"], row["Sum__c"]) == ("DATA-236", status, Decimal(sum_))
    place.mark("cash:cus_1")
    assert looked_at(place) == [], "nothing has changed"


def test_what_came_before_the_customer_was_an_accounts_is_told_once_they_are(place: Place) -> None:
    place.stripe.has(CashBalance(id="cus_1", available={"usd": 30_000}))
    place.mark("cash:cus_1")
    assert looked_at(place) == []
    assert place.stripe.asked == []

    place.links.add(NewLink("customer:001A", "001A", "customer", "cus_1"))
    place.subjects.mark(history_marks(place.facts, "cus_1", "001A"), reason="customer_linked")
    place.subjects.mark(history_marks(place.facts, "cus_2", "001B"), reason="customer_linked")
    place.stripe.facts["cus_1"] = CashBalance(id="cus_1", available={"usd": 30_000})
    assert [row["Sum__c"] for row in looked_at(place)] == [Decimal(300)]
    assert [ref.kind for ref in place.stripe.asked] == ["cash_balance_of"]


def test_a_customer_without_transfers_costs_nothing(place: Place) -> None:
    place.facts.put([customer()], place.facts.fence())
    assert [m.key for m in history_marks(place.facts, "cus_1", "001A")] == ["account:001A"]
