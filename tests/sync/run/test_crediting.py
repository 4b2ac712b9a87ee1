"""Credit notes on taxed invoices come to what Stripe says, to the cent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from sync.plan import Plan
from sync.ports import StripeGateway
from sync.records import Operation, Ref, Verb
from sync.run.crediting import to_the_cent

TAXED = {"type": "invoice_line_item", "invoice_line_item": "il_1", "amount": 5_000}


@dataclass
class Stripe:
    """Says what a note comes to, and counts how often it was asked."""

    total: int
    asked: list[Mapping[str, object]] = field(default_factory=list)

    def credit_total(self, note: Mapping[str, object]) -> int:
        self.asked.append(note)
        return self.total


def note(**payload: Any) -> Operation:
    return Operation(Verb.CREATE, Ref("creditnote", "k"), {"invoice": "in_1", "metadata": {}, **payload}, money=True)


def sent(one: Operation, stripe: Stripe) -> Mapping[str, Any]:
    [operation] = to_the_cent(Plan((one,)), cast("StripeGateway", stripe)).operations
    return operation.payload


def test_a_note_gives_back_what_stripe_says_it_comes_to_and_is_worth_what_we_worked_out() -> None:
    for goes_to in ("credit_amount", "refund_amount"):
        ours: dict[str, Any] = {"lines": [TAXED], goes_to: 5_413, "metadata": {"tandem_before_tax": "5000"}}
        assert sent(note(**ours), Stripe(5_413)) == note(**ours).payload
        told = sent(note(**ours), Stripe(5_412))
        assert (told[goes_to], told["metadata"]) == (5_412, {"tandem_before_tax": "5000"})
    # Of prices that contain their tax, worth and total were one until Stripe rounded otherwise.
    told = sent(note(lines=[TAXED], credit_amount=5_000), Stripe(5_001))
    assert (told["credit_amount"], told["metadata"]) == (5_001, {"tandem_before_tax": "5000"})


def test_what_has_no_tax_or_lowers_an_open_invoice_is_not_asked_about() -> None:
    stripe = Stripe(1)
    custom = {"type": "custom_line_item", "unit_amount": 5_000, "quantity": 1}
    for one in (note(lines=[custom], credit_amount=5_000), note(lines=[TAXED])):
        assert sent(one, stripe) == one.payload
    assert stripe.asked == []
