"""A plan as a value: text, JSON, digest."""

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from sync.errors import Unsafe
from sync.plan import Drift, Plan
from sync.records import Operation, Ref, Verb
from tests.sync.deal.factory import EARLY, QUOTE_ID, a_deal, a_line
from tests.sync.desired.stripe_answers import StripeAnswers


def a_plan(deal=None):
    return StripeAnswers().plan(deal or a_deal(), EARLY)


def test_an_empty_plan_says_so_and_is_false():
    assert not Plan()
    assert Plan().text() == "nothing to do"
    Plan().raise_if_unsafe()


def test_the_text_names_each_write_in_order_and_which_of_them_bill():
    lines = a_plan().text().splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "create customer",
        "create product",
        "create price",
        "create schedule",
    ]
    assert lines[-1] == f"create schedule:{QUOTE_ID} (bills)"


def test_counts_are_known():
    plan = a_plan()
    assert plan.counts == {"create customer": 1, "create product": 1, "create price": 1, "create schedule": 1}


def test_the_plan_is_json_types_all_through():
    data = json.loads(json.dumps(a_plan().to_json()))
    assert (data["schema"], len(data["operations"])) == (1, 4)
    price = next(o for o in data["operations"] if o["ref"].startswith("price:"))
    assert price["payload"]["unit_amount_decimal"] == "10000"
    assert price["payload"]["product"].startswith("product:")


def test_the_digest_does_not_mind_order_nor_shared_creates():
    plan = a_plan()
    backwards = replace(plan, operations=tuple(reversed(plan.operations)))
    mine = replace(plan, operations=tuple(o for o in plan.operations if not o.shared))
    assert plan.digest() == backwards.digest() == mine.digest()


def test_the_digest_is_the_same_when_worked_out_again_and_another_when_anything_billed_differs():
    assert a_plan().digest() == a_plan().digest()
    assert StripeAnswers().plan(a_deal(), EARLY + timedelta(hours=5)).digest() == a_plan().digest()
    others = [a_deal(a_line(quantity=Decimal(11))), a_deal(po_number="PO-1"), a_deal(days_until_due=10)]
    assert len({a_plan().digest(), *(a_plan(deal).digest() for deal in others)}) == 4


def test_the_digest_rests_on_the_actual_values_too():
    operation = Operation(Verb.UPDATE, Ref("customer", "x"), {"name": "n"}, remote_id="cus_1", before={"name": "a"})
    other = replace(operation, before={"name": "b"})
    assert Plan((operation,)).digest() != Plan((other,)).digest()
    drift = Drift(Ref("schedule", "x"), "sub_sched_1", "phases", 10, 8)
    assert Plan(drift=(drift,)).digest() != Plan().digest()


PHASE = {"start": 1772323200, "end": 1803859200, "items": [{"price": "price_1", "quantity": 2}]}


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (
            [{**PHASE, "items": [{"price": "price_1", "quantity": 9}]}],
            "phases 1, items 1, quantity in Stripe: it is 9 there, the contract says 2.",
        ),
        (
            [{**PHASE, "end": 1806537600}],
            "phases 1, end in Stripe: it is 2027-04-01 00:00Z there, the contract says 2027-03-01 00:00Z.",
        ),
        ([{**PHASE, "items": []}], "number of phases 1, items in Stripe: it is 0 there, the contract says 1."),
        ([PHASE, PHASE], "number of phases in Stripe: it is 2 there, the contract says 1."),
    ],
)
def test_what_was_changed_outside_is_pointed_at_and_never_dumped(found: list[Any], said: str) -> None:
    drift = Drift(Ref("schedule", "x"), "sub_sched_1", "phases", [PHASE], found)

    with pytest.raises(Unsafe) as unsafe:
        Plan(drift=(drift, drift)).raise_if_unsafe()

    words = unsafe.value.message
    assert said in words
    assert "1 more part differs." in words
    assert not set("{}[]") & set(words)
