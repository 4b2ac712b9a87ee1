"""The list of events, oldest first, nothing lost at its edges."""

from __future__ import annotations

import pytest

from sync.errors import Transient
from sync.gateways import stripe_client
from sync.gateways.stripe_client import StripeAccount
from sync.gateways.stripe_http import READ_TRIES
from tests.sync.gateways.stand_in import Reply, Request, serving
from tests.sync.gateways.world import FAST, World


def make_customers(world: World, count: int) -> list[str]:
    return [world.billing("POST", "/v1/customers", name=f"c{i}")["id"] for i in range(count)]


def read_to_the_head(stripe: StripeAccount, cursor: dict[str, object] | None) -> tuple[list[str], dict[str, object]]:
    """Object ids in the order in which they came, and the cursor at the head."""
    seen: list[str] = []
    more = True
    while more:
        page = stripe.events(cursor)
        seen += [n.object_id for n in page.notices]
        cursor, more = dict(page.cursor), page.more
    return seen, cursor or {}


def test_the_first_reading_brings_everything_oldest_first(world: World) -> None:
    made = make_customers(world, 5)
    seen, cursor = read_to_the_head(world.stripe(), None)
    assert seen == made
    assert cursor["id"]


def test_a_long_first_reading_begins_with_the_oldest(world: World) -> None:
    made = []
    for day in (1, 5, 9):
        world.clock(f"2026-03-{day:02d}T00:00:00Z")
        made += make_customers(world, 90)
    seen, _ = read_to_the_head(world.stripe(), None)
    assert seen == made


def test_who_begins_at_the_head_reads_what_comes_and_a_few_minutes_before(world: World) -> None:
    stripe = world.stripe()
    assert stripe.events_head() == {}
    make_customers(world, 150)
    world.clock("2026-03-02T00:00:00Z")
    last = make_customers(world, 2)

    head = dict(stripe.events_head())
    new = make_customers(world, 120)
    seen, _ = read_to_the_head(stripe, head)

    assert seen[-122:] == [*last, *new]
    assert len(seen) <= 122


def test_later_readings_bring_what_is_new_and_a_little_overlap(world: World) -> None:
    stripe = world.stripe()
    make_customers(world, 3)
    _, cursor = read_to_the_head(stripe, None)
    world.clock("2026-03-01T01:00:00Z")
    late = make_customers(world, 250)
    seen, cursor = read_to_the_head(stripe, cursor)
    assert seen[-250:] == late
    assert len(seen) <= 253
    seen, _ = read_to_the_head(stripe, cursor)
    assert set(seen) <= set(late)
    assert len(seen) <= 100


def test_at_the_head_one_call_is_enough(world: World) -> None:
    stripe = world.stripe()
    make_customers(world, 3)
    _, cursor = read_to_the_head(stripe, None)
    before = len(world.log("stripe"))
    read_to_the_head(stripe, cursor)
    assert len(world.log("stripe")) == before + 1


def test_an_empty_account_has_an_empty_page(world: World) -> None:
    page = world.stripe().events(None)
    assert (page.notices, page.more) == ((), False)


def test_a_cursor_older_than_stripe_keeps_begins_again(world: World) -> None:
    made = make_customers(world, 3)
    seen, _ = read_to_the_head(world.stripe(), {"id": "evt_gone", "created": 1, "from": "evt_gone"})
    assert seen == made


def test_a_failed_reading_is_an_error_not_an_empty_page(world: World) -> None:
    stripe = world.stripe()
    assert stripe.account
    world.fault(system="stripe", kind="error_500", next=READ_TRIES)
    with pytest.raises(Transient):
        stripe.events(None)


def test_notices_name_their_object_and_account(world: World) -> None:
    stripe = world.stripe()
    (customer,) = make_customers(world, 1)
    (notice,) = stripe.events(None).notices
    assert (notice.type, notice.object_kind, notice.object_id) == ("customer.created", "customer", customer)
    assert notice.source == stripe.source
    assert notice.external_id.startswith("evt_")


def test_undelivered_events_are_asked_for_apart() -> None:
    def answer(request: Request) -> Reply:
        if request.route == "/v1/account":
            return Reply(body={"id": "acct_1", "object": "account"})
        event = {"id": "evt_1", "object": "event", "type": "customer.created", "created": 1_000_000}
        data = {"object": {"id": "cus_1", "object": "customer", "created": 1}}
        return Reply(body={"object": "list", "data": [{**event, "data": data}], "has_more": False})

    with serving(answer) as vendor:
        stripe = stripe_client.connect(
            api_key="sk_test_1", api_base=vendor.url, user_agent="T", bucket="t", account_rate=FAST, endpoint_rate=FAST
        )
        page = stripe.events({"created": 900_000, "from": "evt_0", "id": "evt_0"}, undelivered_only=True)
    asked = vendor.seen[-1].fields
    assert (asked["delivery_success"], asked["created[gte]"]) == ("false", str(900_000 - 3 * 86_400))
    assert ([n.object_id for n in page.notices], page.more) == (["cus_1"], False)
    assert page.cursor == {"created": 900_000, "from": "evt_0", "id": "evt_0"}, "its place in the whole list stays"
