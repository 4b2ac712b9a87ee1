"""Webhook bodies as Stripe sends them: a customer's first week in seven events, filled from the public OpenAPI fixtures."""

from __future__ import annotations

import copy
import hashlib
import hmac
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FIXTURES = Path(__file__).parents[1] / "tests" / "contracts" / "fixtures3.json"
#: Each customer's events, in the order in which Stripe would send them.
LIFE = (
    ("customer.created", "customer"),
    ("customer.subscription.created", "subscription"),
    ("invoice.created", "invoice"),
    ("invoice.finalized", "invoice"),
    ("invoice.paid", "invoice"),
    ("charge.succeeded", "charge"),
    ("customer.subscription.updated", "subscription"),
)
#: The mean size of a body in the study that these measurements are held against.
MEAN_BYTES = 4000


@dataclass(frozen=True)
class Delivery:
    """A whole HTTP request, ready to be written to a connection."""

    request: bytes


def deliveries(count: int, secret: str, *, series: str) -> list[Delivery]:
    """``count`` signed requests with distinct events, interleaved over customers. ``series`` keeps two sets apart."""
    customers = -(-count // len(LIFE))
    resources = json.loads(FIXTURES.read_text(encoding="utf-8"))["resources"]
    bodies = [
        event_body(resources, type_, kind, f"{series}{customer:06d}", number)
        for number, (type_, kind) in enumerate(LIFE)
        for customer in range(customers)
    ][:count]
    return [signed(body, secret) for body in bodies]


def event_body(resources: dict[str, Any], type_: str, kind: str, customer: str, number: int) -> bytes:
    """One event, indented as Stripe sends it, padded to the mean size where its object is smaller."""
    obj = copy.deepcopy(resources[kind])
    obj["id"] = f"{obj['id'].partition('_')[0]}_{customer}"
    if "customer" in obj:
        obj["customer"] = f"cus_{customer}"
    event = {
        "id": f"evt_{customer}_{number}", "object": "event", "api_version": "2026-10-28.endive", "created": 1_772_323_200 + number,
        "data": {"object": obj}, "livemode": False, "pending_webhooks": 1, "request": {"id": None, "idempotency_key": None}, "type": type_,
    }  # fmt: skip
    body = json.dumps(event, indent=1)
    if len(body) < MEAN_BYTES:
        obj["metadata"] = {"padding": "x" * (MEAN_BYTES - len(body))}
        body = json.dumps(event, indent=1)
    return body.encode()


def signed(body: bytes, secret: str) -> Delivery:
    """The request that delivers ``body``, signed now (Stripe, Verify webhook signatures manually)."""
    stamp = int(time.time())
    digest = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    head = (
        "POST /webhooks/stripe HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Stripe-Signature: t={stamp},v1={digest}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return Delivery(head.encode() + body)
