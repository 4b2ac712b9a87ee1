"""What we would send, judged by the types of Stripe's own SDK: every payload of every form a deal takes."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from sync.records import Operation, Ref
from tests.contracts.stripe_contract import check
from tests.sync.deal.factory import EARLY, a_deal, a_fee, a_line
from tests.sync.desired.stripe_answers import StripeAnswers

PATHS = {
    "customer": "/v1/customers",
    "product": "/v1/products",
    "price": "/v1/prices",
    "coupon": "/v1/coupons",
    "subscription": "/v1/subscriptions",
    "schedule": "/v1/subscription_schedules",
    "invoice": "/v1/invoices",
    "invoiceitem": "/v1/invoiceitems",
}

AHEAD, TODAY = EARLY, datetime(2026, 3, 3, 10, tzinfo=UTC)
DEALS = {
    "seats": a_deal(),
    "discount, fee, order number": a_deal(
        a_line(1, discount_percent=Decimal("12.5")), a_fee(discount_percent=Decimal(5)), po_number="PO-1"
    ),
    "card": a_deal(collection_method="Charge Automatically"),
    "two frequencies": a_deal(a_line(1), a_line(2, billing_frequency="Annual")),
    "thirds of a cent": a_deal(a_line(unit_price=Decimal("1000.00"), price_period="Term")),
}


def as_sent(value: Any) -> Any:
    if isinstance(value, Ref):
        return "id_of_" + value.kind
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Mapping):
        return {key: as_sent(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_sent(part) for part in value]
    return value


def path(operation: Operation) -> str:
    parts = [PATHS[operation.ref.kind], operation.remote_id, operation.action]
    return "/".join(part for part in parts if part)


@pytest.mark.parametrize("now", [AHEAD, TODAY], ids=["made ahead", "begun"])
@pytest.mark.parametrize("name", DEALS)
def test_no_payload_breaks_the_contract(name, now):
    stripe = StripeAnswers()
    stripe.converge(DEALS[name], now)
    kinds = {operation.ref.kind for operation in stripe.writes}
    assert {"customer", "product", "price", "schedule"} <= kinds
    if now is TODAY:
        assert {"subscription", "invoice", "invoiceitem"} <= kinds
    for operation in stripe.writes:
        problems = check("POST", path(operation), as_sent(operation.payload))
        assert not problems, (path(operation), [str(problem) for problem in problems])


def test_line_ids_of_a_large_item_fit_in_metadata():
    lines = [a_line(n, unit_price=Decimal(1)) for n in range(1, 200)]
    stripe = StripeAnswers()
    stripe.converge(a_deal(*lines), AHEAD)
    (schedule,) = (o for o in stripe.writes if o.ref.kind == "schedule")
    (item,) = schedule.payload["phases"][0]["items"]
    ids = [
        id_
        for key, value in item["metadata"].items()
        if key.startswith("salesforce_line_ids")
        for id_ in value.split(",")
    ]
    assert ids == [line.id for line in lines]
    assert max(len(value) for value in item["metadata"].values()) <= 500
