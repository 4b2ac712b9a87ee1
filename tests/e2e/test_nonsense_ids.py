"""A signed event about an object that Stripe doesn't have, or can't have, leaves nothing for people to look at."""

from __future__ import annotations

from tests.e2e.looks import changes_nothing
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem, work_in_parallel
from tests.e2e.webhooks import Webhooks

#: Types of events, what their object is, and what it refers to.
TOLD = {
    "customer.updated": ("customer", ()),
    "product.updated": ("product", ()),
    "customer.subscription.updated": ("subscription", ("customer",)),
    "invoice.paid": ("invoice", ("customer",)),
    "charge.refunded": ("charge", ("payment_intent", "customer")),
    "customer.tax_id.updated": ("tax_id", ("customer",)),
}
IDS = ("cus_nonsense", "two words", "..", "a/b?c#d")


def test_events_about_what_stripe_does_not_have_are_done_with(world: World, tandem: Tandem, webhooks: Webhooks) -> None:
    world.at("2026-02-20")
    before = world.mark()
    for number, (type_, (kind, refers)) in enumerate(TOLD.items()):
        for id_ in IDS:
            obj = {"id": id_, "object": kind, **dict.fromkeys(refers, id_)}
            event = {"id": f"evt_{number}_{id_}", "object": "event", "type": type_, "data": {"object": obj}}
            webhooks.deliver(event)

    work_in_parallel(tandem)

    assert tandem.services.subjects.failures() == []
    assert not [e for e in world.log(before) if e.by_tandem and e.path in ("/v1/events", "/v1/")]
    changes_nothing(tandem)
