"""The table of operations against the sandbox: what credits, usage and amendments send, what comes of it, and that a lost
answer can be looked up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

import pytest

from sync.errors import AlreadyExists
from sync.facts import BalanceTransaction, CreditNote, Fact, Invoice, Meter, Price
from sync.gateways.stripe_client import StripeAccount
from sync.gateways.stripe_operations import OPERATIONS, Endpoint, LookUp, registered
from sync.records import Ref, Verb
from tests.contracts.stripe_contract import check_exchange
from tests.sync.gateways.test_stripe_client import act, create, make_deal, price, update
from tests.sync.gateways.world import World

METER: Mapping[str, object] = {
    "display_name": "Calls",
    "event_name": "calls",
    "default_aggregation": {"formula": "sum"},
}
INVOICED: Mapping[str, object] = {"collection_method": "send_invoice", "days_until_due": 30}
FLEXIBLE: Mapping[str, object] = {"billing_mode": {"type": "flexible"}}


@pytest.fixture
def stripe(world: World) -> StripeAccount:
    return world.stripe()


def wrong(world: World) -> list[str]:
    """What Stripe's contract has against what we sent and what was answered."""
    exchanges = world.log("stripe")
    assert exchanges
    return [str(p) for x in exchanges for p in check_exchange(x) if p.severity == "error"]


def invoices_of(world: World, stripe: StripeAccount, *amounts: int) -> tuple[str, list[str]]:
    """A customer with a card, and a finalised invoice of each amount that is still to be paid."""
    customer = create(stripe, "customer", {"name": "Acme", "email": "ap@acme.example"})
    method = world.billing("POST", "/v1/payment_methods/pm_card_visa/attach", customer=customer)["id"]
    world.billing("POST", f"/v1/customers/{customer}", invoice_settings={"default_payment_method": method})
    made = []
    for amount in amounts:
        draft = create(stripe, "invoice", {"customer": customer, **INVOICED, "currency": "usd", "auto_advance": False})
        create(stripe, "invoiceitem", {"customer": customer, "invoice": draft, "amount": amount, "currency": "usd"})
        act(stripe, "invoice", draft, "finalize")
        made.append(draft)
    return customer, made


def subscribe(stripe: StripeAccount, ids: Mapping[str, str], **more: object) -> str:
    items = [{"price": ids["price"], "quantity": 2}]
    payload = {"customer": ids["customer"], "items": items, **INVOICED, **FLEXIBLE, **more}
    return create(stripe, "subscription", payload)


# ------------------------------------------------------------------ credits


def test_a_credit_note_on_a_paid_invoice_goes_to_the_balance_and_the_card(world: World, stripe: StripeAccount) -> None:
    customer, [paid] = invoices_of(world, stripe, 10_000)
    world.billing("POST", f"/v1/invoices/{paid}/pay")
    parts = {"amount": 2500, "credit_amount": 1500, "refund_amount": 600, "out_of_band_amount": 400}
    note = create(
        stripe, "creditnote", {"invoice": paid, **parts, "email_type": "none", "metadata": {"tandem_key": "q"}}
    )

    [kept] = stripe.read([Ref("credit_notes_of", customer)]).all()

    assert isinstance(kept, CreditNote)
    assert (kept.id, kept.customer, kept.invoice, kept.status) == (note, customer, paid, "issued")
    assert (kept.amount_minor, kept.pre_payment_minor, kept.currency) == (2500, 0, "usd")
    assert (kept.credit_minor, kept.refund_minor, kept.out_of_band_minor) == (1500, 600, 400)
    assert kept.metadata == {"tandem_key": "q"}
    [move] = stripe.read([Ref("balance_of", customer)]).all()
    assert isinstance(move, BalanceTransaction)
    assert (move.amount_minor, move.type, move.credit_note) == (-1500, "credit_note", note)
    assert wrong(world) == []


def test_a_credit_note_on_an_open_invoice_lowers_what_is_due(world: World, stripe: StripeAccount) -> None:
    customer, [due] = invoices_of(world, stripe, 4_000)
    create(stripe, "creditnote", {"invoice": due, "amount": 1500, "email_type": "none"})

    [kept, invoice] = stripe.read([Ref("credit_notes_of", customer), Ref("invoices_of_customer", customer)]).all()

    assert isinstance(kept, CreditNote)
    assert (kept.pre_payment_minor, kept.credit_minor, kept.refund_minor) == (1500, 0, 0)
    assert isinstance(invoice, Invoice)
    assert (invoice.id, invoice.amount_remaining_minor, invoice.credited_minor) == (due, 2500, 1500)
    assert stripe.read([Ref("balance_of", customer)]).all() == []


def test_a_void_credit_note_is_read_as_void(world: World, stripe: StripeAccount) -> None:
    customer, [due] = invoices_of(world, stripe, 4_000)
    note = create(stripe, "creditnote", {"invoice": due, "amount": 1500})
    world.billing("POST", f"/v1/credit_notes/{note}/void")
    [kept] = stripe.read([Ref("credit_notes_of", customer)]).all()
    assert isinstance(kept, CreditNote)
    assert kept.status == "void"


def test_the_rest_of_a_credit_is_a_move_of_the_balance(world: World, stripe: StripeAccount) -> None:
    customer = create(stripe, "customer", {"name": "Acme"})
    payload = {"customer": customer, "amount": -700, "currency": "usd", "metadata": {"tandem_key": "q"}}
    made = create(stripe, "balance", payload)
    [move] = stripe.read([Ref("balance_of", customer)]).all()
    assert isinstance(move, BalanceTransaction)
    assert (move.id, move.customer, move.amount_minor, move.type) == (made, customer, -700, "adjustment")
    assert move.metadata == {"tandem_key": "q"}
    assert world.billing("GET", f"/v1/customers/{customer}")["balance"] == -700
    assert wrong(world) == []


def test_lists_of_money_given_back_are_read_to_their_end(world: World, stripe: StripeAccount) -> None:
    customer = create(stripe, "customer", {"name": "Acme"})
    for _ in range(103):
        world.billing("POST", f"/v1/customers/{customer}/balance_transactions", amount=-1, currency="usd")
    assert len(stripe.read([Ref("balance_of", customer)]).all()) == 103


# ------------------------------------------------------------------ changes of what runs


def test_a_subscription_is_changed_by_its_item_without_proration(world: World, stripe: StripeAccount) -> None:
    ids = make_deal(stripe)
    subscription = subscribe(stripe, ids)
    item = world.billing("GET", f"/v1/subscriptions/{subscription}")["items"]["data"][0]["id"]
    items = [{"id": item, "price": ids["price"], "quantity": 5}]
    update(stripe, "subscription", subscription, {"items": items, "metadata": {"tandem_key": "q"}})
    changed = world.billing("GET", f"/v1/subscriptions/{subscription}")
    assert [(i["id"], i["quantity"]) for i in changed["items"]["data"]] == [(item, 5)]
    assert world.billing("GET", "/v1/invoiceitems", customer=ids["customer"])["data"] == []
    assert wrong(world) == []


def test_a_subscription_is_cancelled_without_a_last_invoice(world: World, stripe: StripeAccount) -> None:
    ids = make_deal(stripe)
    subscription = subscribe(stripe, ids)
    before = len(world.billing("GET", "/v1/invoices")["data"])
    act(stripe, "subscription", subscription, "cancel")
    assert world.billing("GET", f"/v1/subscriptions/{subscription}")["status"] == "canceled"
    assert len(world.billing("GET", "/v1/invoices")["data"]) == before
    assert world.billing("GET", "/v1/invoiceitems", customer=ids["customer"])["data"] == []
    assert wrong(world) == []


def test_an_invoice_that_is_not_as_promised_is_held_back(world: World, stripe: StripeAccount) -> None:
    customer = create(stripe, "customer", {"name": "Acme"})
    draft = create(stripe, "invoice", {"customer": customer, "currency": "usd", "auto_advance": True})
    update(stripe, "invoice", draft, {"auto_advance": False, "metadata": {"tandem_key": "q"}})
    held = stripe.read([Ref("invoice_id", draft)]).one(Ref("invoice_id", draft))
    assert isinstance(held, Invoice)
    assert (held.auto_advance, held.metadata) == (False, {"tandem_key": "q"})
    assert wrong(world) == []


def test_a_preview_shows_what_discounts_take_off_and_which_items_are_billed(
    world: World, stripe: StripeAccount
) -> None:
    ids = make_deal(stripe)
    subscription = subscribe(stripe, ids, discounts=[{"coupon": ids["coupon"]}])
    shown = stripe.preview({"subscription": subscription})
    assert shown is not None
    [line] = shown.invoice.lines
    item = world.billing("GET", f"/v1/subscriptions/{subscription}")["items"]["data"][0]["id"]
    assert (line.amount_minor, line.discount_minor, line.net_minor, line.subscription_item) == (2000, 200, 1800, item)
    assert (shown.invoice.subscription, shown.invoice.total_minor) == (subscription, 1800)


# ------------------------------------------------------------------ usage


def test_a_meter_counts_for_a_price_of_tiers(world: World, stripe: StripeAccount) -> None:
    meter = create(stripe, "meter", dict(METER))
    product = create(stripe, "product", {"id": "tandem_calls", "name": "Calls"})
    tiers = [
        {"up_to": 1000, "unit_amount_decimal": Decimal("2.50"), "flat_amount_decimal": Decimal("9E+2")},
        {"up_to": "inf", "unit_amount_decimal": Decimal("0.1")},
    ]
    recurring = {"interval": "month", "interval_count": 1, "usage_type": "metered", "meter": meter}
    how = {"billing_scheme": "tiered", "tiers_mode": "graduated", "tiers": tiers, "recurring": recurring}
    create(stripe, "price", {"product": product, "currency": "usd", "lookup_key": "tdm_calls", **how})

    found = stripe.read([Ref("meter", "calls"), Ref("price", "tdm_calls")])

    kept, billed = found.one(Ref("meter", "calls")), found.one(Ref("price", "tdm_calls"))
    assert isinstance(kept, Meter)
    assert (kept.id, kept.status, kept.display_name) == (meter, "active", "Calls")
    assert isinstance(billed, Price)
    assert (billed.meter, billed.usage_type, billed.billing_scheme) == (meter, "metered", "tiered")
    assert billed.unit_amount_decimal is None
    made = world.billing("GET", f"/v1/prices/{billed.id}", expand=["tiers"])["tiers"]
    assert [(t["up_to"], Decimal(t["unit_amount_decimal"])) for t in made] == [
        (1000, Decimal("2.5")),
        (None, Decimal("0.1")),
    ]
    assert wrong(world) == []


def test_a_meter_of_a_name_that_is_taken_is_to_be_adopted(stripe: StripeAccount) -> None:
    create(stripe, "meter", dict(METER))
    with pytest.raises(AlreadyExists):
        create(stripe, "meter", dict(METER))


# ------------------------------------------------------------------ look-ups


def test_a_create_without_a_look_up_cannot_be_registered() -> None:
    blind = Endpoint("POST", "/v1/refunds", "Refunds: write", "refund")
    with pytest.raises(ValueError, match="refund"):
        registered({("refund", Verb.CREATE, ""): blind})
    with pytest.raises(ValueError, match="refund"):
        registered({("refund", Verb.UPDATE, ""): replace(blind, look_up=LookUp("refunds_of", "metadata"))})


def test_whatever_was_made_is_found_by_the_look_up_that_its_kind_declares(world: World, stripe: StripeAccount) -> None:
    """An answer was lost: each kind of Create, made under the key ``q1``, is read as the table says, and it alone is it."""
    customer, [paid, other] = invoices_of(world, stripe, 10_000, 4_000)
    world.billing("POST", f"/v1/invoices/{paid}/pay")
    unlike_it(stripe, customer, other)
    key: dict[str, object] = {"metadata": {"tandem_key": "q1"}}
    money: dict[str, object] = {"customer": customer, "currency": "usd"}
    create(stripe, "product", {"id": "q1", "name": "Seat"})
    monthly = create(stripe, "price", {**price("q1"), "lookup_key": "q1"})
    items = [{"price": monthly, "quantity": 1}]
    running: dict[str, object] = {"customer": customer, **FLEXIBLE, **key}
    draft = create(stripe, "invoice", {**money, "auto_advance": False, **key})
    mail = "q1@b.example"
    payloads: dict[str, dict[str, object]] = {
        "customer": {"email": mail, "metadata": {"salesforce_account_id": "q1"}},
        "meter": {**METER, "event_name": "q1"},
        "coupon": {"id": "q1", "percent_off": Decimal(10), "duration": "forever"},
        "schedule": {**running, "start_date": 1775001600, "phases": [{"items": items, "end_date": 1806537600}]},
        "subscription": {**running, "items": items, **INVOICED},
        "invoiceitem": {**money, "invoice": draft, "amount": 100, **key},
        "creditnote": {"invoice": paid, "amount": 500, "credit_amount": 500, **key},
        "balance": {**money, "amount": -500, **key},
        "taxid": {"customer": customer, "type": "eu_vat", "value": "DE123456789"},
        "webhook_endpoint": {"url": "http://127.0.0.1:9/q1", "enabled_events": ["invoice.paid"]},
    }
    assert {*payloads, "product", "price", "invoice"} == {kind for kind, verb, _ in OPERATIONS if verb is Verb.CREATE}
    ids = {kind: create(stripe, kind, payload) for kind, payload in payloads.items()}
    ids |= {"product": "q1", "price": monthly, "invoice": draft}

    owners = {"customers_by_email": mail, "invoice_id": draft}
    for kind, id in ids.items():
        look_up = OPERATIONS[kind, Verb.CREATE, ""].look_up
        assert look_up is not None
        if kind == "webhook_endpoint":
            assert [e["id"] for e in stripe.webhook_endpoints() if e[look_up.by] == "http://127.0.0.1:9/q1"] == [id]
            continue
        if kind == "taxid":  # which has neither metadata nor an id of ours
            listed = stripe.read([Ref(look_up.read, customer)]).all()
            assert [f.id for f in listed if getattr(f, look_up.by) == "DE123456789"] == [id]
            continue
        own = look_up.by != "metadata"
        found = stripe.read([Ref(look_up.read, "q1" if own else owners.get(look_up.read, customer))]).all()
        if kind == "invoiceitem":
            assert [x.amount_minor for f in found for x in lines_of(f) if "q1" in x.metadata.values()] == [100]
        else:
            assert [f.id for f in found if is_it(f, look_up)] == [id], kind


def unlike_it(stripe: StripeAccount, customer: str, invoice: str) -> None:
    """Others of the same owner, under another key."""
    create(stripe, "creditnote", {"invoice": invoice, "amount": 100, "metadata": {"tandem_key": "q2"}})
    create(stripe, "balance", {"customer": customer, "amount": -100, "currency": "usd"})
    create(stripe, "taxid", {"customer": customer, "type": "eu_vat", "value": "DE987654321"})
    create(stripe, "meter", dict(METER))


def is_it(fact: Fact, look_up: LookUp) -> bool:
    return "q1" in fact.metadata.values() if look_up.by == "metadata" else getattr(fact, look_up.by) == "q1"


def lines_of(fact: Fact) -> tuple[object, ...]:
    assert isinstance(fact, Invoice)
    return fact.lines
