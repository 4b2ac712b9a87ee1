"""What waits for a customer's next invoice: read when it changes, and let go of once an invoice took it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sync.facts import PendingItem
from sync.ports import NewLink
from sync.run.pending import Pending
from tests.sync.desired.test_mirror import invoice, subscription
from tests.sync.run.conftest import Place, customer


def worked_off(place: Place) -> Any:
    """What the Account's next invoice comes to once all that is due has run."""
    pending = Pending(place.stripe, place.links, place.facts, place.subjects)  # type: ignore[arg-type]
    mirror = place.mirror(apart={"pending": pending.run})
    while mirror.run_once():
        pass
    told = place.rows("Account")
    place.written()
    return told["001A"]["Next_Invoice_Amount__c"] if told else None


def test_it_is_in_the_next_invoice_until_an_invoice_takes_it_and_only_then_read_again(place: Place) -> None:
    place.links.add(NewLink("customer:001A", "001A", "customer", "cus_1"))
    place.stripe.has(customer(), subscription(), invoice(status="paid"))
    place.mark("subscription:sub_1")
    assert worked_off(place) == Decimal("500.00")

    item = PendingItem(id="ii_1", customer="cus_1", subscription="sub_1", currency="usd", amount_minor=4_000)
    place.stripe.has(item)
    place.mark("pending:cus_1")
    assert worked_off(place) == Decimal("540.00")
    place.mark("pending:cus_1")
    assert worked_off(place) is None, "nothing has changed"

    del place.stripe.facts["ii_1"]
    place.mark("invoice:in_1")
    assert worked_off(place) == Decimal("500.00")
    place.stripe.asked.clear()
    place.mark("invoice:in_1")
    worked_off(place)
    assert "pending_items_of" not in {ref.kind for ref in place.stripe.asked}, "of whom nothing waits nothing is asked"


def test_what_waits_for_a_customer_of_nobody_is_there_once_they_are_somebodys(place: Place) -> None:
    item = PendingItem(id="ii_1", customer="cus_1", subscription="sub_1", currency="usd", amount_minor=4_000)
    place.stripe.has(customer(), subscription(), item)
    place.mark("pending:cus_1")
    place.mark("subscription:sub_1")
    assert worked_off(place) is None

    place.links.add(NewLink("customer:001A", "001A", "customer", "cus_1"))
    place.mark("account:001A")
    assert worked_off(place) == Decimal("540.00")
