"""Events as notices: any JSON is a notice or is refused, and only ids are believed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.notices import NotAnEvent, notice_of_event

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "object", "type", "data", "customer", "parent", "payment", "x"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


def event(obj: object, **over: object) -> dict[str, Any]:
    return {"id": "evt_1", "object": "event", "type": "invoice.paid", "created": 5, "data": {"object": obj}, **over}


def test_an_invoice_names_its_customer_and_subscription() -> None:
    parent = {"subscription_details": {"subscription": "sub_1"}}
    invoice = {"id": "in_1", "object": "invoice", "created": 7, "customer": {"id": "cus_1"}, "parent": parent}
    notice = notice_of_event(event(invoice), "stripe:acct_1", body="raw")
    assert (notice.source, notice.external_id, notice.type) == ("stripe:acct_1", "evt_1", "invoice.paid")
    assert (notice.object_kind, notice.object_id, notice.object_created_s, notice.body) == ("invoice", "in_1", 7, "raw")
    assert notice.related == {"customer": "cus_1", "subscription": "sub_1"}


def test_an_invoice_payment_names_the_invoice_and_the_intent() -> None:
    payment = {"type": "payment_intent", "payment_intent": "pi_1"}
    notice = notice_of_event(
        event({"id": "inpay_1", "object": "invoice_payment", "invoice": "in_1", "payment": payment}), "s"
    )
    assert notice.related == {"invoice": "in_1", "payment_intent": "pi_1"}
    assert notice.object_created_s is None


def test_an_upcoming_invoice_has_no_id_and_still_names_its_customer() -> None:
    notice = notice_of_event(event({"object": "invoice", "customer": "cus_1"}, type="invoice.upcoming"), "s")
    assert (notice.object_id, notice.related) == ("", {"customer": "cus_1"})


def test_an_unknown_type_is_a_notice_too() -> None:
    notice = notice_of_event(event({"id": "tea_1", "object": "teapot"}, type="teapot.boiled"), "s")
    assert (notice.type, notice.object_kind) == ("teapot.boiled", "teapot")


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "evt_1",
        {},
        {"id": "evt_1", "object": "v2.core.account", "type": "x"},
        {"id": "evt_1", "object": "v2.core.event"},
        event(None),
        event("in_1"),
        event({"id": "in_1"}),
        event({"object": "invoice"}, id=None),
        event({"object": "invoice"}, type=7),
        event({"object": "invoice"}, id="e" * 300),
    ],
)
def test_what_is_no_event_is_refused(body: object) -> None:
    with pytest.raises(NotAnEvent):
        notice_of_event(body, "s")


@given(JSON)
def test_no_json_whatever_is_more_than_refused(body: Any) -> None:
    for value in (body, event(body)):
        try:
            notice = notice_of_event(value, "s")
        except NotAnEvent:
            continue
        assert all(isinstance(v, str) and v for v in notice.related.values())
