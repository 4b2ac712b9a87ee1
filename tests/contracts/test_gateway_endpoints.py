"""Every endpoint that the gateway can call is called once here, so that the judge has seen what we ask and what is answered.

The cases use most of them in earnest; a few wait for quotes that change and end deals (amendments, cancellations).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
import requests

from sync.gateways.stripe_client import StripeAccount
from sync.records import Operation, Ref, Sent, Verb
from sync.usage.reports import report_of
from sync.usage.rows import UsageRow
from tests.contracts import judge
from tests.e2e.looks import seconds
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

_keys = count(1)


class Sender:
    """Sends operations as `apply` does, each under a key of its own."""

    def __init__(self, account: StripeAccount) -> None:
        self.account = account

    def create(self, kind: str, **payload: Any) -> Sent:
        return self._send(Operation(Verb.CREATE, Ref(kind, f"test_{next(_keys)}"), payload))

    def update(self, kind: str, id_: str, **payload: Any) -> Sent:
        return self._send(Operation(Verb.UPDATE, Ref(kind, id_), payload, remote_id=id_))

    def act(self, kind: str, action: str, id_: str, **payload: Any) -> Sent:
        return self._send(Operation(Verb.ACT, Ref(kind, id_), payload, action=action, remote_id=id_))

    def _send(self, operation: Operation) -> Sent:
        return self.account.send(operation, operation.payload, f"test-{next(_keys)}")


@pytest.fixture
def sender(tandem: Tandem) -> Sender:
    return Sender(tandem.services.stripe)


def test_every_endpoint_answers_as_stripe_has_it(world: World, sender: Sender) -> None:
    world.at("2026-01-01")
    customer = sender.create("customer", name="Acme", email="ap@acme.example").remote_id
    sender.update("customer", customer, name="Acme Ltd")
    number = sender.create("taxid", customer=customer, type="eu_vat", value="DE123456789").remote_id
    assert len(sender.account.read([Ref("tax_ids_of", customer), Ref("tax_settings", "")]).all()) == 2
    sender.act("taxid", "delete", number)
    assert len(sender.account.read([Ref("cash_balance_of", customer)]).all()) == 1
    product = sender.create("product", id="tandem_test", name="Seat").remote_id
    sender.update("product", product, name="Seat (annual)")
    price = _price(sender, product, "test_price")
    sender.update("price", price, nickname="Seat")
    sender.create("coupon", id="test-10", percent_off=10, duration="forever")
    subscription = _subscribe(sender, customer, price)
    _subscribe(sender, customer, *(_price(sender, product, f"test_price_{n}") for n in range(12)))
    sender.update("subscription", subscription, description="Changed", proration_behavior="none")
    first, second = (_schedule(sender, customer, price) for _ in range(2))
    sender.update("schedule", first, metadata={"tandem_test": "1"}, proration_behavior="none")
    sender.act("schedule", "cancel", first)
    sender.act("schedule", "release", second)
    sender.act("subscription", "cancel", _subscribe(sender, customer, price))
    sender.create("meter", display_name="Calls", event_name="calls", default_aggregation={"formula": "sum"})
    [meter] = sender.account.meters.meters()
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC) - timedelta(days=1)
    assert sender.account.meters.report(meter, customer, UsageRow("test", "1", 7, noon), "test-usage")
    assert sender.account.meters.counted(meter, customer, noon, noon + timedelta(minutes=1)) == 7
    world.fault("stripe", "refuse_later", next=1, match="POST /v1/billing/meter_events")
    sender.account.meters.report(meter, customer, UsageRow("test", "2", 7, noon), "test-usage-2")
    world.at("2026-01-01T00:02")
    [told] = sender.account.meters.error_reports(noon)
    whole = sender.account.meters.error_report(told["id"])
    assert whole is not None
    assert report_of(whole).wrong[0].named == ("test:2",)
    sender.create("balance", customer=customer, amount=-100, currency="usd")
    invoice = sender.create(
        "invoice", customer=customer, collection_method="send_invoice", days_until_due=30,
        pending_invoice_items_behavior="exclude", auto_advance=False,
    ).remote_id  # fmt: skip
    sender.update("invoice", invoice, auto_advance=False)
    for number in range(12):
        sender.create(
            "invoiceitem", customer=customer, invoice=invoice, amount=100 + number, currency="usd", discountable=False
        )
    final = sender.act("invoice", "finalize", invoice, auto_advance=False)
    assert final.body["status"] == "open"
    preview = sender.account.preview({"subscription": subscription, "preview_mode": "next"})
    assert preview is not None
    assert (preview.raw["total"], preview.invoice.total_minor) == (1000, 1000)
    credited = {"type": "custom_line_item", "description": "Unused", "quantity": 1, "unit_amount": 10}
    assert sender.account.credit_total({"invoice": invoice, "lines": [credited]}) == 10
    sender.create("creditnote", invoice=invoice, amount=10, email_type="none")

    _read_everything(world, sender.account, customer, subscription, invoice)
    url = "http://127.0.0.1:9/webhooks/stripe"  # last, as nobody answers there
    assert sender.account.create_webhook_endpoint(url, ["invoice.paid"], key="test-endpoint")[1]
    assert [e["url"] for e in sender.account.webhook_endpoints()] == [url]

    called = judge.judge(_lines(world)).by_tandem
    assert sorted(judge.callable_endpoints() - set(called)) == []


def _read_everything(world: World, account: StripeAccount, customer: str, subscription: str, invoice: str) -> None:
    """Every reference that can be read, and lists that go on after their first page."""
    method = world.stripe.post("payment_methods/pm_card_createDisputeInquiry/attach", customer=customer)["id"]
    world.stripe.post(f"invoices/{invoice}/pay", payment_method=method)
    [payment] = world.stripe.get("invoice_payments", invoice=invoice)["data"]
    intent = payment["payment"]["payment_intent"]
    for _ in range(11):
        world.stripe.post("refunds", payment_intent=intent, amount=1)
    declined = _declined(world)
    world.stripe.post("invoiceitems", customer=customer, amount=100, currency="usd")
    refs = [
        Ref("customer_id", customer), Ref("customers_by_email", "AP@acme.example"), Ref("subscription_id", subscription),
        Ref("schedules_of", customer), Ref("subscriptions_of", customer), Ref("invoices_of", subscription),
        Ref("invoice_id", invoice), Ref("invoice_id", declined[0]), Ref("invoice_of", intent), Ref("charges_of", intent),
        Ref("product", "tandem_test"), Ref("price", "test_price"), Ref("coupon", "test-10"),
        Ref("meter", "calls"), Ref("invoices_of_customer", customer), Ref("credit_notes_of", customer),
        Ref("balance_of", customer), Ref("paid_charges_of", intent), Ref("credit_notes_of_invoice", invoice),
        Ref("pending_items_of", customer), Ref("portal", ""),
    ]  # fmt: skip
    found = account.read(refs)
    assert [ref for ref in refs if not found.found.get(ref) and ref.kind != "customers_by_email"] == []
    kinds = [fact.KIND for fact in found.found[Ref("paid_charges_of", intent)]]
    assert kinds == ["charge", *(11 * ["refund"]), "dispute"]
    schedules = [world.stripe.all("subscription_schedules", customer=customer)[0]["id"]]
    price = world.stripe.all("prices")[0]["id"]
    account.read([Ref("schedule_id", schedules[0]), Ref("price_id", price)])
    account.read([Ref("coupon", "test-10"), *(Ref("coupon", f"test-{n}") for n in range(3))])
    many = {Ref("invoice_id", i["id"]): i["created"] for i in world.stripe.all("invoices")}
    account.read([*many, Ref("invoice_id", "in_none")], many)
    account.events(None)


def _declined(world: World) -> list[str]:
    """The invoices of three plans whose cards were refused."""
    for name in ("ann", "ben", "cid"):
        world.stripe.sign_up(name, f"{name}@shop.example", seats=1, card="pm_card_visa")
        [customer] = world.stripe.get("customers", email=f"{name}@shop.example")["data"]
        bad = world.stripe.post("payment_methods/pm_card_chargeCustomerFail/attach", customer=customer["id"])["id"]
        world.stripe.post(f"customers/{customer['id']}", form={"invoice_settings[default_payment_method]": bad})
    world.at("2026-02-01T02:00")
    unpaid = [i["id"] for i in world.stripe.all("invoices") if i["attempt_count"] and i["status"] == "open"]
    assert len(unpaid) == 3
    return unpaid


def _price(sender: Sender, product: str, key: str) -> str:
    recurring = {"interval": "month", "interval_count": 1}
    return sender.create(
        "price", product=product, currency="usd", unit_amount=1000, lookup_key=key, recurring=recurring
    ).remote_id


def _subscribe(sender: Sender, customer: str, *prices: str) -> str:
    return sender.create(
        "subscription", customer=customer, items=[{"price": p, "quantity": 1} for p in prices], collection_method="send_invoice",
        days_until_due=30, billing_mode={"type": "flexible"}, proration_behavior="none",
    ).remote_id  # fmt: skip


def _schedule(sender: Sender, customer: str, price: str) -> str:
    phase: Mapping[str, Any] = {
        "items": [{"price": price, "quantity": 1}], "end_date": seconds("2027-03-01"), "proration_behavior": "none",
    }  # fmt: skip
    return sender.create(
        "schedule", customer=customer, start_date=seconds("2026-03-01"), end_behavior="cancel", phases=[phase],
        billing_mode={"type": "flexible"},
        default_settings={"collection_method": "send_invoice", "invoice_settings": {"days_until_due": 30}},
    ).remote_id  # fmt: skip


def _lines(world: World) -> list[str]:
    """The traffic log as the judge reads it."""
    return requests.get(f"{world.control_url}/log", timeout=30).text.splitlines()
