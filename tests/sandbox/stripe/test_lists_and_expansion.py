"""Paging, filters by time, and ``expand``."""

from __future__ import annotations

import pytest
import stripe

from tests.sandbox.serving import RawStripe, Served


def names(customers: stripe.ListObject[stripe.Customer]) -> list[str | None]:
    return [customer.name for customer in customers.data]


@pytest.fixture
def five(client: stripe.StripeClient) -> list[str]:
    """Ids of customers c0 to c4, oldest first."""
    return [client.v1.customers.create({"name": f"c{n}"}).id for n in range(5)]


def test_a_list_is_newest_first_and_says_whether_there_is_more(client: stripe.StripeClient, five: list[str]) -> None:
    page = client.v1.customers.list({"limit": 2})
    assert (names(page), page.has_more) == (["c4", "c3"], True)
    assert names(client.v1.customers.list({"limit": 5})) == ["c4", "c3", "c2", "c1", "c0"]
    assert not client.v1.customers.list({"limit": 5}).has_more


def test_starting_after_goes_to_older_ones_ending_before_to_the_page_nearest_before(
    client: stripe.StripeClient, five: list[str]
) -> None:
    older = client.v1.customers.list({"limit": 2, "starting_after": five[3]})
    assert (names(older), older.has_more) == (["c2", "c1"], True)
    newer = client.v1.customers.list({"limit": 2, "ending_before": five[1]})
    assert (names(newer), newer.has_more) == (["c3", "c2"], True)
    assert names(client.v1.customers.list({"ending_before": five[4]})) == []


def test_auto_paging_sees_each_once_in_both_directions(client: stripe.StripeClient, five: list[str]) -> None:
    down = [c.id for c in client.v1.customers.list({"limit": 2}).auto_paging_iter()]
    up = [c.id for c in client.v1.customers.list({"limit": 2, "ending_before": five[0]}).auto_paging_iter()]
    assert down == five[::-1]
    assert up == five[1:]


def test_ten_are_answered_by_default(client: stripe.StripeClient) -> None:
    for number in range(11):
        client.v1.customers.create({"name": str(number)})
    page = client.v1.customers.list()
    assert (len(page.data), page.has_more) == (10, True)


@pytest.mark.parametrize(
    "query", [{"limit": "0"}, {"limit": "101"}, {"limit": "x"}, {"starting_after": "cus_none"}, {"created[after]": "1"}]
)
def test_a_bad_page_is_refused(raw: RawStripe, query: dict[str, str]) -> None:
    assert raw.get("/v1/customers", query).status_code == 400


def test_both_directions_at_once_are_refused(raw: RawStripe, five: list[str]) -> None:
    query = {"starting_after": five[0], "ending_before": five[1]}
    assert raw.get("/v1/customers", query).json()["error"]["code"] == "parameters_exclusive"


def test_paging_goes_on_from_a_deleted_object(client: stripe.StripeClient, five: list[str]) -> None:
    client.v1.customers.delete(five[3])
    assert names(client.v1.customers.list({"starting_after": five[3]})) == ["c2", "c1", "c0"]


def test_created_filters_take_a_stamp_and_bounds(client: stripe.StripeClient, served: Served) -> None:
    stamps = []
    for day in ("2026-01-01", "2026-01-02", "2026-01-03"):
        served.clock(f"{day}T00:00:00Z")
        stamps.append(client.v1.customers.create({"name": day}).created)
    assert stamps[0] == 1767225600
    assert names(client.v1.customers.list({"created": stamps[1]})) == ["2026-01-02"]
    assert names(client.v1.customers.list({"created": {"gt": stamps[0], "lte": stamps[2]}})) == [
        "2026-01-03",
        "2026-01-02",
    ]
    assert names(client.v1.customers.list({"created": {"gte": stamps[1], "lt": stamps[2]}})) == ["2026-01-02"]


def test_references_are_ids_until_expanded_to_four_levels(client: stripe.StripeClient) -> None:
    customer = client.v1.customers.create({"name": "Birch"})
    method = client.v1.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    settings = {"default_payment_method": method.id}
    plain = client.v1.customers.update(customer.id, {"invoice_settings": settings})
    assert plain.invoice_settings.default_payment_method == method.id
    path = "invoice_settings.default_payment_method.customer"
    deep = client.v1.customers.retrieve(customer.id, {"expand": [path]}).to_dict()
    assert deep["invoice_settings"]["default_payment_method"]["customer"]["id"] == customer.id
    listed = client.v1.customers.list({"expand": [f"data.{path}"]}).data[0].to_dict()
    assert listed["invoice_settings"]["default_payment_method"]["customer"]["name"] == "Birch"


@pytest.mark.parametrize(
    ("path", "expand"),
    [
        ("/v1/prices", "product"),
        ("/v1/prices", "data.nonsense"),
        ("/v1/prices", "data.currency"),
        ("/v1/prices", "data.product.default_price.product.default_price"),
        ("/v1/prices", "data"),
    ],
)
def test_what_cannot_be_expanded_is_refused(
    client: stripe.StripeClient, raw: RawStripe, path: str, expand: str
) -> None:
    product = client.v1.products.create({"name": "Pro"})
    client.v1.prices.create({"product": product.id, "currency": "usd", "unit_amount": 100})
    answer = raw.get(path, {"expand[]": expand})
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "expand"


def test_a_write_with_a_bad_expand_does_nothing(raw: RawStripe) -> None:
    assert raw.post("/v1/products", {"name": "Pro", "expand[]": "nonsense"}).status_code == 400
    assert raw.get("/v1/products").json()["data"] == []


def test_a_deleted_reference_expands_to_its_tombstone(client: stripe.StripeClient) -> None:
    product = client.v1.products.create({"name": "Pro"})
    assert client.v1.products.delete(product.id).deleted is True
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.products.retrieve(product.id)
