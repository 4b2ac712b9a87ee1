"""The benchmark's own measure of calls, on the same number of events, in this process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from benchmarks.invoices import INVOICES, TYPES, calls_in, customers, events_of, make_invoices, shuffled, wrong_states
from sync.notices import notice_of_event
from tests.e2e.looks import settled
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

pytestmark = pytest.mark.long


CUSTOMERS = 20


@pytest.mark.parametrize("order", [list, shuffled])
def test_a_thousand_invoice_events_cost_few_calls_and_end_right(
    world: World, make_tandem: Callable[..., Tandem], order: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]
) -> None:
    world.at("2026-03-01")
    tandem = make_tandem(self_serve_accounts="create")
    known = customers(world.stripe, CUSTOMERS)
    settled(tandem)
    world.at("2026-03-02")
    ids = make_invoices(world.stripe, known, INVOICES)
    events, before = order(events_of(world.stripe, ids)), world.mark()
    assert len(events) == INVOICES * len(TYPES)

    services = tandem.services
    services.subjects.add_notices([notice_of_event(e, f"stripe:{services.stripe.account}") for e in events])
    settled(tandem)
    settled(tandem)

    calls = calls_in(world.control.log(before))
    assert calls.good, calls
    assert calls.stripe > 0
    assert calls.salesforce > 0
    assert wrong_states(world.crm, world.stripe, ids) == []
