"""Which drafts go on by themselves once their customer can be placed, and which are left to people."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from sync.deal.deal import Deal
from sync.deal.taxation import Taxation
from sync.facts import Customer, Invoice
from sync.ports import Snapshot
from sync.records import Ref
from sync.run.placed_again import placed_again
from tests.sync.deal.deals import deal, line

WAITS = Invoice(
    id="in_1", customer="cus_1", status="draft", currency="usd", auto_advance=True, metadata={"tandem_deal": "Q1"},
    tax_status="requires_location_inputs", finalization_error_code="customer_tax_location_invalid",
)  # fmt: skip


def taxed(*address: tuple[str, str]) -> Deal:
    one = deal(line("A", 1, "10.00"))
    return replace(one, tax=Taxation("exclusive"), payer=replace(one.payer, address=address))


def finalised(stored: Invoice, now: Invoice, one: Deal, leave: Iterable[str] = ()) -> list[str]:
    asked: list[Ref] = []

    def read(refs: Iterable[Ref]) -> Snapshot:
        asked.extend(refs)
        return Snapshot(dict.fromkeys(asked, (now,)))

    stripe: Any = SimpleNamespace(read=read)
    facts: Any = SimpleNamespace(of_customers=lambda kind, ids: [stored])
    found = placed_again(stripe, facts, one, Customer(id="cus_1"), set(leave))
    assert found == [] or asked
    return [f"{o.action} {o.remote_id}" for o in found]


def test_a_draft_that_waits_for_an_address_goes_on_once_it_is_there() -> None:
    assert finalised(WAITS, WAITS, taxed(("country", "DE"))) == ["finalize in_1"]
    assert finalised(WAITS, WAITS, taxed()) == []
    assert finalised(WAITS, WAITS, replace(taxed(("country", "DE")), tax=None)) == []


@pytest.mark.parametrize(
    "other",
    [
        {"status": "open"},  # somebody was faster
        {"auto_advance": False},  # somebody stopped it
        {"metadata": {"tandem_deal": "Q1", "tandem_held": "1"}},
        {"metadata": {"tandem_deal": "Q2"}},
        {"metadata": {}},
        {"finalization_error_code": None},  # Stripe has not tried yet, and will
        {"finalization_error_code": "other", "tax_status": "failed"},
    ],
)
def test_what_is_held_or_is_no_business_of_the_deal_stays(other: dict[str, Any]) -> None:
    unlike = WAITS.model_copy(update=other)
    place = taxed(("country", "DE"))
    assert finalised(unlike, unlike, place) == []
    assert finalised(WAITS, unlike, place) == []  # as Stripe has it now is what counts
    assert finalised(WAITS, WAITS, place, leave=["in_1"]) == []
