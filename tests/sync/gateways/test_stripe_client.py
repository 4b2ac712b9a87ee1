"""Writing to Stripe: one operation, one answer, sorted."""

from __future__ import annotations

import threading
from decimal import Decimal

import pytest
from requests import get

from sync.errors import AlreadyExists, OutcomeUnknown, SyncError, Terminal, Transient, Unsafe
from sync.gateways import stripe_client
from sync.gateways.stripe_client import StripeAccount
from sync.gateways.stripe_operations import OPERATIONS, READS, rights
from sync.records import Operation, Ref, Verb
from tests.contracts.stripe_contract import check_exchange
from tests.sync.gateways.stand_in import Reply, StandIn, always, in_turn, serving
from tests.sync.gateways.world import FAST, World

KEY = "sk_test_" + "0" * 24
CUSTOMER = Operation(Verb.CREATE, Ref("customer", "001A"), {})


def account_at(vendor: StandIn, deadline_s: float = 5.0) -> StripeAccount:
    return stripe_client.connect(
        api_key=KEY,
        api_base=vendor.url,
        user_agent="Tandem/0.1",
        bucket="t",
        account_rate=FAST,
        endpoint_rate=FAST,
        call_deadline_s=deadline_s,
    )


def error(status: int, *, body: object = None, **headers: str) -> Reply:
    shown = {name.replace("_", "-"): value for name, value in headers.items()}
    given = body if body is not None else {"error": {"type": "invalid_request_error", "message": "no"}}
    return Reply(status, given, {"Request-Id": "req_1", **shown})


def stripe_error(**error: object) -> dict[str, object]:
    return {"error": error}


def failure_of(reply: Reply, deadline_s: float = 5.0) -> SyncError:
    with serving(always(reply)) as vendor:
        with pytest.raises(SyncError) as caught:
            account_at(vendor, deadline_s).send(CUSTOMER, {"name": "Acme"}, "k1")
        assert len(vendor.seen) == 1, "a write is sent once"
    return caught.value


# ------------------------------------------------------------------ outcomes


@pytest.mark.parametrize(
    ("reply", "kind", "code"),
    [
        (error(400), Terminal, "BUG-502"),
        (error(400, body=stripe_error(type="idempotency_error", message="other parameters")), Unsafe, "BUG-501"),
        (
            error(400, body=stripe_error(code="resource_already_exists", message="Product already exists.")),
            AlreadyExists,
            "TEMP-402",
        ),
        (
            error(400, body=stripe_error(param="event_name", message="There is already an active meter for this name")),
            AlreadyExists,
            "TEMP-402",
        ),
        (
            error(400, body=stripe_error(message="You cannot combine currencies on a single customer.")),
            Terminal,
            "DATA-203",
        ),
        (error(401), Terminal, "CONF-305"),
        (
            error(402, body=stripe_error(type="card_error", code="card_declined", message="declined")),
            Terminal,
            "DATA-218",
        ),
        (error(403), Terminal, "CONF-305"),
        (error(404, body=stripe_error(code="resource_missing", message="No such price: 'x'")), Terminal, "BUG-502"),
        (
            error(404, body=stripe_error(code="resource_missing", message="No such customer: 'cus_1'", param="id")),
            Transient,
            "TEMP-403",
        ),
        (error(400, body=stripe_error(code="resource_missing", param="customer")), Transient, "TEMP-403"),
        (error(409), Transient, "TEMP-402"),
        (error(424, Stripe_Should_Retry="true"), Transient, "TEMP-402"),
        (error(429, body=stripe_error(code="rate_limit", message="slow down")), Transient, "TEMP-401"),
        (
            error(429, body=stripe_error(code="lock_timeout", message="locked"), Stripe_Should_Retry="true"),
            Transient,
            "TEMP-402",
        ),
        (error(429, body="<html>busy</html>"), Transient, "TEMP-401"),
        (error(500, body=stripe_error(type="api_error", message="oops")), OutcomeUnknown, "TEMP-403"),
        (error(503, body="<html>down</html>"), OutcomeUnknown, "TEMP-403"),
        (error(302, Location="https://elsewhere.example"), OutcomeUnknown, "TEMP-403"),
        (Reply(200, "<html>a proxy</html>"), OutcomeUnknown, "TEMP-403"),
        (Reply(drop=True), OutcomeUnknown, "TEMP-403"),
    ],
)
def test_every_answer_to_a_write_has_one_meaning(reply: Reply, kind: type[SyncError], code: str) -> None:
    found = failure_of(reply)
    assert (type(found), found.code) == (kind, code)


def test_a_5xx_ends_its_key_and_silence_does_not() -> None:
    answered, silent = failure_of(error(500)), failure_of(Reply(drop=True))
    assert isinstance(answered, OutcomeUnknown)
    assert isinstance(silent, OutcomeUnknown)
    assert (answered.answered, answered.request_id) == (True, "req_1")
    assert (silent.answered, silent.request_id) == (False, None)


def test_a_vendor_that_never_answers_is_left_within_the_deadline() -> None:
    release = threading.Event()
    found = failure_of(Reply(hold=release), deadline_s=0.3)
    release.set()
    assert isinstance(found, OutcomeUnknown)
    assert not found.answered


def test_a_vendor_that_cannot_be_reached_has_not_acted() -> None:
    with serving(always(Reply())) as vendor:
        stripe = account_at(vendor)
    with pytest.raises(Transient) as caught:
        stripe.send(CUSTOMER, {}, "k1")
    assert type(caught.value) is Transient
    assert caught.value.code == "TEMP-406"


def test_retry_after_is_kept_and_a_missing_one_is_none() -> None:
    body = stripe_error(code="rate_limit", message="slow down")
    told, untold = failure_of(error(429, body=body, Retry_After="7")), failure_of(error(429, body=body))
    assert isinstance(told, Transient)
    assert isinstance(untold, Transient)
    assert (told.retry_after_s, untold.retry_after_s) == (7.0, None)


def test_a_missing_right_is_named() -> None:
    assert "Customers: write" in failure_of(error(403)).message


def test_a_write_carries_its_key_version_and_name_and_nothing_is_retried() -> None:
    with serving(
        in_turn(Reply(200, {"id": "cus_1"}, {"Request-Id": "req_9", "Idempotent-Replayed": "true"}))
    ) as vendor:
        sent = account_at(vendor).send(
            CUSTOMER, {"name": "Acme", "metadata": {"a": "b"}, "balance": Decimal("1E+2")}, "key-1"
        )
    request = vendor.seen[0]
    assert (sent.remote_id, sent.request_id, sent.replayed) == ("cus_1", "req_9", True)
    assert request.headers["idempotency-key"] == "key-1"
    assert request.headers["stripe-version"] == "2026-10-28.endive"
    assert request.headers["user-agent"].startswith("Tandem/0.1")
    assert request.fields == {"name": "Acme", "metadata[a]": "b", "balance": "100"}


def test_what_is_not_in_the_table_is_not_sent() -> None:
    with serving(always(Reply())) as vendor:
        with pytest.raises(Terminal, match="BUG-502"):
            account_at(vendor).send(
                Operation(Verb.ACT, Ref("invoice", "x"), {}, remote_id="in_1", action="pay"), {}, "k"
            )
        with pytest.raises(Terminal, match="BUG-502"):
            account_at(vendor).send(Operation(Verb.UPDATE, Ref("customer", "x"), {}), {}, "k")
        assert vendor.seen == []


def test_an_id_cannot_lead_to_another_path() -> None:
    with serving(always(Reply(200, {"id": "x"}))) as vendor:
        operation = Operation(Verb.UPDATE, Ref("customer", "x"), {}, remote_id="../coupons/x?a=b")
        account_at(vendor).send(operation, {}, "k")
    assert vendor.seen[0].path == "/v1/customers/..%2Fcoupons%2Fx%3Fa%3Db"


def test_a_balance_names_its_customer_in_the_path_only() -> None:
    operation = Operation(Verb.CREATE, Ref("balance", "k"), {})
    with serving(always(Reply(200, {"id": "cbtxn_1"}))) as vendor:
        account_at(vendor).send(operation, {"customer": "cus_1", "amount": -500, "currency": "usd"}, "k1")
        for nobody in ({}, {"customer": ""}, {"customer": Ref("customer", "x")}):
            with pytest.raises(Terminal, match="BUG-502"):
                account_at(vendor).send(operation, {**nobody, "amount": -500}, "k2")
    assert vendor.calls == ["POST /v1/customers/cus_1/balance_transactions"]
    assert vendor.seen[0].fields == {"amount": "-500", "currency": "usd"}


def test_cancelling_never_bills_and_never_prorates_whatever_the_payload_says() -> None:
    wrong = {"prorate": True, "invoice_now": True, "cancellation_details": {"comment": "q"}}
    with serving(always(Reply(200, {"id": "sub_1"}))) as vendor:
        for kind in ("subscription", "schedule"):
            operation = Operation(Verb.ACT, Ref(kind, "x"), {}, remote_id="sub_1", action="cancel")
            sent = account_at(vendor).send(operation, wrong, "k1")
            assert sent.remote_id == "sub_1"
    assert vendor.calls == ["DELETE /v1/subscriptions/sub_1", "POST /v1/subscription_schedules/sub_1/cancel"]
    for request in vendor.seen:
        assert request.fields == {"prorate": "false", "invoice_now": "false", "cancellation_details[comment]": "q"}
    assert vendor.seen[0].body == b""


def test_a_plan_that_is_settled_has_what_is_pending_billed_and_nothing_prorated() -> None:
    with serving(always(Reply(200, {"id": "sub_1"}))) as vendor:
        operation = Operation(Verb.ACT, Ref("subscription", "x"), {}, remote_id="sub_1", action="settle")
        account_at(vendor).send(operation, {"prorate": True}, "k1")
    assert vendor.seen[0].fields == {"prorate": "false", "invoice_now": "true"}


@pytest.mark.parametrize(
    ("reply", "kind", "code"),
    [
        (error(404, body=stripe_error(code="resource_missing", message="No such subscription")), Terminal, "BUG-502"),
        (error(500), OutcomeUnknown, "TEMP-403"),
        (Reply(drop=True), OutcomeUnknown, "TEMP-403"),
        (error(409), Transient, "TEMP-402"),
    ],
)
def test_an_answer_to_a_cancellation_means_what_it_means_to_any_write(
    reply: Reply, kind: type[SyncError], code: str
) -> None:
    operation = Operation(Verb.ACT, Ref("subscription", "x"), {}, remote_id="sub_1", action="cancel")
    with serving(always(reply)) as vendor, pytest.raises(SyncError) as caught:
        account_at(vendor).send(operation, {}, "k1")
    assert (type(caught.value), caught.value.code) == (kind, code)
    assert len(vendor.seen) == 1


def test_a_change_of_a_running_deal_never_prorates() -> None:
    with serving(always(Reply(200, {"id": "x"}))) as vendor:
        for kind in ("subscription", "schedule"):
            update(account_at(vendor), kind, "x", {"proration_behavior": "always_invoice"})
        create(account_at(vendor), "subscription", {"customer": "cus_1"})
    assert {r.fields["proration_behavior"] for r in vendor.seen} == {"none"}


def test_no_invoice_to_come_is_no_preview_and_another_failure_is_one() -> None:
    none = error(404, body=stripe_error(code="invoice_upcoming_none", message="No upcoming invoices for customer"))
    gone = error(404, body=stripe_error(code="resource_missing", message="No such subscription"))
    with serving(in_turn(none, gone)) as vendor:
        assert account_at(vendor).preview({"subscription": "sub_1"}) is None
        with pytest.raises(Terminal, match="BUG-502"):
            account_at(vendor).preview({"subscription": "sub_1"})


def test_no_key_is_in_an_error() -> None:
    for reply in (error(401), error(500), Reply(drop=True)):
        assert KEY not in repr(failure_of(reply))


def test_the_rights_of_a_restricted_key_cover_every_endpoint() -> None:
    assert "Subscriptions: write" in rights()
    assert {e.right for e in OPERATIONS.values()} | {e.right for e in READS.values()} <= set(rights())


# ------------------------------------------------------------------ against the sandbox


@pytest.fixture
def stripe(world: World) -> StripeAccount:
    return world.stripe()


def test_every_operation_of_the_table_takes_effect(world: World, stripe: StripeAccount) -> None:
    ids = make_deal(stripe)
    assert set(ids) >= {"customer", "product", "price", "coupon", "schedule"}
    assert (
        world.billing("GET", f"/v1/subscription_schedules/{ids['schedule']}")["phases"][0]["items"][0]["quantity"] == 3
    )
    update(stripe, "customer", ids["customer"], {"name": "Acme Ltd"})
    update(stripe, "product", ids["product"], {"name": "Seats"})
    update(stripe, "price", ids["price"], {"nickname": "per seat"})
    assert world.billing("GET", f"/v1/customers/{ids['customer']}")["name"] == "Acme Ltd"
    act(stripe, "schedule", ids["schedule"], "cancel")
    assert world.billing("GET", f"/v1/subscription_schedules/{ids['schedule']}")["status"] == "canceled"


def test_what_is_sent_and_answered_keeps_stripes_contract(world: World, stripe: StripeAccount) -> None:
    ids = make_deal(stripe)
    kinds = {"customer_id": "customer", "schedule_id": "schedule", "product": "product", "coupon": "coupon"}
    stripe.read([Ref(kind, ids[name]) for kind, name in kinds.items()])
    stripe.read(
        [Ref("price", "tdm_1"), Ref("customers_by_email", "ap@acme.example"), Ref("subscriptions_of", ids["customer"])]
    )
    stripe.preview(
        {"customer": ids["customer"], "subscription_details": {"items": [{"price": ids["price"], "quantity": 2}]}}
    )
    stripe.events(None)
    exchanges = world.log("stripe")
    problems = [str(p) for x in exchanges for p in check_exchange(x) if p.severity == "error"]
    assert problems == []
    assert len(exchanges) >= 13


def test_a_subscription_is_made_scheduled_changed_and_released(world: World, stripe: StripeAccount) -> None:
    ids = make_deal(stripe)
    items = [{"price": ids["price"], "quantity": 2}]
    common = {"customer": ids["customer"], "items": items, "collection_method": "send_invoice", "days_until_due": 30}
    mode = {"billing_mode": {"type": "flexible"}, "proration_behavior": "none"}
    subscription = create(stripe, "subscription", {**common, **mode})
    update(stripe, "subscription", subscription, {"metadata": {"tandem_key": "k"}, "proration_behavior": "none"})
    schedule = create(stripe, "schedule", {"from_subscription": subscription})
    phase = world.billing("GET", f"/v1/subscription_schedules/{schedule}")["phases"][0]
    phases = [
        {"start_date": phase["start_date"], "end_date": phase["end_date"], "items": items, "proration_behavior": "none"}
    ]
    update(stripe, "schedule", schedule, {"phases": phases, "proration_behavior": "none"})
    act(stripe, "schedule", schedule, "release")
    assert world.billing("GET", f"/v1/subscriptions/{subscription}")["schedule"] is None


def test_a_stated_amount_becomes_a_finalised_invoice(world: World, stripe: StripeAccount) -> None:
    customer = create(stripe, "customer", {"name": "Acme", "email": "ap@acme.example"})
    payload = {"customer": customer, "collection_method": "send_invoice", "days_until_due": 30, "auto_advance": False}
    draft = create(stripe, "invoice", {**payload, "pending_invoice_items_behavior": "exclude", "currency": "usd"})
    create(stripe, "invoiceitem", {"customer": customer, "invoice": draft, "amount": 1234, "currency": "usd"})
    update(stripe, "invoice", draft, {"metadata": {"tandem_key": "q:1"}, "auto_advance": False})
    act(stripe, "invoice", draft, "finalize")
    made = world.billing("GET", f"/v1/invoices/{draft}")
    assert (made["status"], made["total"], made["metadata"]) == ("open", 1234, {"tandem_key": "q:1"})


def test_a_preview_makes_nothing(world: World, stripe: StripeAccount) -> None:
    ids = make_deal(stripe)
    details = {"items": [{"price": ids["price"], "quantity": 2}], "billing_mode": {"type": "flexible"}}
    shown = stripe.preview({"customer": ids["customer"], "subscription_details": details})
    assert shown is not None
    assert (shown.invoice.id, shown.invoice.total_minor, shown.raw["total"]) == ("upcoming", 2000, 2000)
    assert [(x.quantity, x.net_minor, x.price) for x in shown.invoice.lines] == [(2, 2000, ids["price"])]
    assert world.billing("GET", "/v1/invoices")["data"] == []


def test_a_webhook_endpoint_tells_its_secret_once(world: World, stripe: StripeAccount) -> None:
    id, secret = stripe.create_webhook_endpoint("http://127.0.0.1:9/webhooks/stripe", ["invoice.paid"], key="w1")
    assert secret.startswith("whsec_")
    listed = stripe.webhook_endpoints()
    assert [(e["id"], e["api_version"], e.get("secret")) for e in listed] == [(id, "2026-10-28.endive", None)]


def test_the_same_key_replays_and_other_content_under_it_stops(stripe: StripeAccount) -> None:
    first = stripe.send(CUSTOMER, {"name": "Acme"}, "k1")
    second = stripe.send(CUSTOMER, {"name": "Acme"}, "k1")
    assert (second.remote_id, first.replayed, second.replayed) == (first.remote_id, False, True)
    with pytest.raises(Unsafe, match="BUG-501"):
        stripe.send(CUSTOMER, {"name": "Other"}, "k1")


def test_a_natural_id_that_is_taken_is_to_be_adopted(stripe: StripeAccount) -> None:
    make_deal(stripe)
    with pytest.raises(AlreadyExists):
        stripe.send(Operation(Verb.CREATE, Ref("product", "tandem_1"), {}), {"id": "tandem_1", "name": "Seat"}, "other")
    with pytest.raises(AlreadyExists):
        stripe.send(Operation(Verb.CREATE, Ref("price", "tdm_1"), {}), price("tandem_1"), "another")


@pytest.mark.parametrize(("kind", "answered"), [("timeout_after_effect", False), ("drop", False), ("error_500", True)])
def test_a_lost_answer_is_an_unknown_outcome(world: World, kind: str, answered: bool) -> None:
    stripe = world.stripe(call_deadline_s=1.0)
    world.fault(system="stripe", kind=kind, next=1, match="POST /v1/customers")
    with pytest.raises(OutcomeUnknown) as caught:
        stripe.send(CUSTOMER, {"name": "Acme"}, "k1")
    assert caught.value.answered is answered


@pytest.mark.parametrize(("kind", "code"), [("rate_limit", "TEMP-401"), ("lock", "TEMP-402")])
def test_a_busy_stripe_has_not_acted(world: World, stripe: StripeAccount, kind: str, code: str) -> None:
    world.fault(system="stripe", kind=kind, next=1)
    with pytest.raises(Transient) as caught:
        stripe.send(CUSTOMER, {"name": "Acme"}, "k1")
    assert (type(caught.value), caught.value.code) == (Transient, code)
    assert stripe.send(CUSTOMER, {"name": "Acme"}, "k1").replayed is False


def test_the_account_and_its_mode_are_known(world: World, stripe: StripeAccount) -> None:
    assert stripe.account.startswith("acct_")
    assert stripe.livemode is False
    assert stripe.source == f"stripe:{stripe.account}"
    assert get(f"{world.control}/ready", timeout=5).json()["stripe"]["api_key"].startswith("sk_test_")


# ------------------------------------------------------------------ what the tests make

_serial = iter(range(1_000_000))


def create(stripe: StripeAccount, kind: str, payload: dict[str, object]) -> str:
    return stripe.send(Operation(Verb.CREATE, Ref(kind, "x"), {}), payload, f"key-{next(_serial)}").remote_id


def update(stripe: StripeAccount, kind: str, id: str, payload: dict[str, object]) -> None:
    stripe.send(Operation(Verb.UPDATE, Ref(kind, "x"), {}, remote_id=id), payload, f"key-{next(_serial)}")


def act(stripe: StripeAccount, kind: str, id: str, action: str) -> None:
    stripe.send(Operation(Verb.ACT, Ref(kind, "x"), {}, remote_id=id, action=action), {}, f"key-{next(_serial)}")


def price(product: str) -> dict[str, object]:
    recurring = {"interval": "month", "interval_count": 1}
    return {
        "product": product,
        "currency": "usd",
        "unit_amount_decimal": Decimal(1000),
        "recurring": recurring,
        "lookup_key": "tdm_1",
    }


def make_deal(stripe: StripeAccount) -> dict[str, str]:
    """A customer with a schedule of three seats at 10.00 a month, ten percent off, from 2026-04-01."""
    customer = create(
        stripe, "customer", {"name": "Acme", "email": "ap@acme.example", "metadata": {"salesforce_account_id": "001"}}
    )
    product = create(stripe, "product", {"id": "tandem_1", "name": "Seat"})
    made_price = create(stripe, "price", price(product))
    coupon = create(stripe, "coupon", {"id": "tdm-pct-10", "percent_off": Decimal("10.0"), "duration": "forever"})
    items = [{"price": made_price, "quantity": 3, "discounts": [{"coupon": coupon}]}]
    phase = {"items": items, "end_date": 1806537600, "proration_behavior": "none", "discounts": ""}
    payload = {"customer": customer, "start_date": 1775001600, "end_behavior": "cancel", "phases": [phase]}
    settings = {"collection_method": "send_invoice", "invoice_settings": {"days_until_due": 30}}
    mode = {"billing_mode": {"type": "flexible"}, "default_settings": settings}
    schedule = create(stripe, "schedule", {**payload, **mode})
    return {"customer": customer, "product": product, "price": made_price, "coupon": coupon, "schedule": schedule}
