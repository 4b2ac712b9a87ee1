"""The kernel as the billing engine uses it, without HTTP."""

from __future__ import annotations

import pytest

from sandbox.stripe import resources
from sandbox.stripe.errors import StripeError
from sandbox.stripe.kernel import Kernel, Obj
from sandbox.stripe.rendering import rendered
from sandbox.stripe.resources import payment_methods, prices, products
from sandbox.stripe.store import Store
from sandbox.world import World


@pytest.fixture
def kernel() -> Kernel:
    kernel = Kernel(World(seed=1))
    resources.install(kernel)
    return kernel


def thing(id: str, **fields: object) -> Obj:
    return {"object": "product", "id": id, **fields}


def events(kernel: Kernel) -> list[tuple[str, Obj]]:
    return [(event["type"], event["data"]) for event in kernel.store.all("event")]


def test_objects_keep_their_order_and_are_found_by_an_index() -> None:
    store = Store()
    store.index_by("product", "owner")
    for number in range(4):
        store.add(thing(f"p{number}", owner=number % 2))
    assert [p["id"] for p in store.newest_first("product")] == ["p3", "p2", "p1", "p0"]
    assert [p["id"] for p in store.all("product", of=("owner", 1))] == ["p1", "p3"]
    assert store.all("product", of=("owner", 9)) == []


def test_an_id_is_taken_once_and_free_again_after_deletion() -> None:
    store = Store()
    first = thing("p")
    store.add(first)
    with pytest.raises(ValueError, match="there already"):
        store.add(thing("p"))
    assert store.bury(first) == {"id": "p", "object": "product", "deleted": True}
    store.add(thing("other"))
    store.add(thing("p", name="again"))
    assert [p["id"] for p in store.newest_first("product")] == ["p", "other"]
    assert store.grave("product", "p") is None


def test_a_change_emits_the_old_values_and_own_keys_are_never_shown(kernel: Kernel) -> None:
    obj = kernel.add(thing("p", name="a", nested={"x": 1, "y": 2}, tags=["a"], _own=1), "product.created")
    with kernel.changing(obj, "product.updated"):
        obj.update(name="b", nested={"x": 1, "y": 3}, tags=["a", "b"], _own=2)
    with kernel.changing(obj, "product.updated"):
        obj["_own"] = 3
    (_, created), (kind, updated) = events(kernel)
    assert created == {
        "object": {"object": "product", "id": "p", "name": "a", "nested": {"x": 1, "y": 2}, "tags": ["a"]}
    }
    assert kind == "product.updated"
    assert updated["previous_attributes"] == {"name": "a", "nested": {"y": 2}, "tags": ["a"]}
    assert rendered(kernel, obj, []) == updated["object"]


def test_an_event_that_stripe_does_not_have_is_a_programming_error(kernel: Kernel) -> None:
    with pytest.raises(ValueError, match="no event"):
        kernel.emit("product.renamed", thing("p"))


def test_events_outside_of_requests_name_no_request(kernel: Kernel) -> None:
    event = kernel.emit("product.created", thing("p"))
    assert event["request"] == {"id": None, "idempotency_key": None}
    assert event["created"] == kernel.now_s()


def test_a_declining_card_declines_for_ever_and_the_other_one_once(kernel: Kernel) -> None:
    def outcomes(token: str) -> list[str | None]:
        id = payment_methods.resolve(kernel, token, "payment_method")["id"]
        tries = [payment_methods.charge(kernel, id) for _ in range(3)]
        return [decline.decline_code if decline else None for decline in tries]

    assert outcomes("pm_card_visa") == [None, None, None]
    assert outcomes("pm_card_chargeDeclined") == ["generic_decline"] * 3
    assert outcomes("pm_card_chargeDeclinedInsufficientFunds") == ["insufficient_funds"] * 3
    assert outcomes("pm_card_declinesThenPays") == ["insufficient_funds", None, None]


def test_an_inline_price_is_found_by_id_only(kernel: Kernel) -> None:
    product = products.new_product(kernel, {"name": "Fee"})
    data = {"product": product["id"], "currency": "usd", "unit_amount": 250000}
    price = prices.inline_price(kernel, data, "price_data")
    assert kernel.get("price", price["id"])["unit_amount_decimal"] == "250000"
    assert (price["active"], price["type"], price["recurring"]) == (False, "one_time", None)


@pytest.mark.parametrize(
    "change",
    [{"product": "prod_none"}, {"unit_amount_decimal": 1}, {"recurring": {"interval": "year", "interval_count": 9}}],
)
def test_a_bad_inline_price_stores_nothing(kernel: Kernel, change: dict[str, object]) -> None:
    product = products.new_product(kernel, {"name": "Fee"})
    data = {"product": product["id"], "currency": "usd", "unit_amount": 1, **change}
    with pytest.raises(StripeError):
        prices.inline_price(kernel, data, "items[0][price_data]")
    assert kernel.store.all("price") == []


def test_timers_run_when_due_and_only_then(kernel: Kernel) -> None:
    class Once:
        def __init__(self) -> None:
            self.due: int | None = 100
            self.ran: list[int] = []

        def next_due_s(self) -> int | None:
            return self.due

        def run_due(self, at_s: int) -> None:
            self.ran.append(at_s)
            self.due = None

    timer = Once()
    kernel.timers.append(timer)
    assert kernel.next_due_s() == 100
    kernel.run_due(99)
    kernel.run_due(100)
    kernel.run_due(101)
    assert timer.ran == [100]
