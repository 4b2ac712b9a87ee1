"""Several Stripe accounts at one address: the key says which, they share the clock and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import stripe

from tests.sandbox.serving import Served
from tests.sandbox.stripe.billing.story import Story, day
from tests.sandbox.stripe.receiver import Receiver


def control(served: Served, method: str, path: str, **more: Any) -> requests.Response:
    return requests.request(method, served.control + path, timeout=10, **more)


def client_of(served: Served, account: dict[str, Any]) -> stripe.StripeClient:
    return stripe.StripeClient(account["api_key"], base_addresses={"api": served.ready["stripe_url"]})


@pytest.fixture
def added(served: Served) -> dict[str, Any]:
    answer = control(served, "POST", "/stripe_accounts", json={"name": "eu"})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@pytest.fixture
def eu(served: Served, added: dict[str, Any]) -> stripe.StripeClient:
    return client_of(served, added)


@pytest.fixture
def receivers() -> Iterator[tuple[Receiver, Receiver]]:
    both = Receiver(), Receiver()
    yield both
    for one in both:
        one.close()


def test_an_added_account_is_listed_until_a_reset_and_leaves_the_first_as_it_was(
    served: Served, added: dict[str, Any]
) -> None:
    assert set(added) == {"id", "name", "api_key", "webhook_secret"}
    listed = control(served, "GET", "/stripe_accounts").json()["stripe_accounts"]
    assert [one["name"] for one in listed] == ["main", "eu"]
    assert listed[1] == added
    assert listed[0]["api_key"] == served.ready["stripe"]["api_key"]
    assert control(served, "GET", "/ready").json() == served.ready

    served.reset()

    assert [one["name"] for one in control(served, "GET", "/stripe_accounts").json()["stripe_accounts"]] == ["main"]
    gone = requests.get(
        f"{served.ready['stripe_url']}/v1/account", auth=(added["api_key"], ""), timeout=10
    )  # fmt: skip
    assert gone.status_code == 401


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"name": "main"}, "already"),
        ({"name": "eu"}, "already"),
        ({"name": "EU"}, "lower-case"),
        ({"name": ""}, "lower-case"),
        ({"name": "a b"}, "lower-case"),
        ({"name": 7}, "must be"),
        ({"name": "uk", "country": "GB"}, "must be"),
        ([], "must be"),
    ],
)
def test_a_bad_or_taken_name_is_400_and_says_why(
    served: Served, added: dict[str, Any], body: object, words: str
) -> None:
    answer = control(served, "POST", "/stripe_accounts", json=body)

    assert answer.status_code == 400
    assert words in answer.json()["error"]


def test_what_is_in_one_account_is_not_there_in_the_other(
    served: Served, added: dict[str, Any], client: stripe.StripeClient, eu: stripe.StripeClient
) -> None:
    same: Any = {"id": "prod_same", "name": "Seats"}
    client.v1.products.create(same, {"idempotency_key": "once"})
    eu.v1.products.create({"id": "prod_same", "name": "Plätze"}, {"idempotency_key": "once"})
    mine = client.v1.customers.create({"email": "ops@birch.example"})

    with pytest.raises(stripe.InvalidRequestError) as missing:
        eu.v1.customers.retrieve(mine.id)
    with pytest.raises(stripe.InvalidRequestError) as unlinked:
        eu.v1.invoices.create({"customer": mine.id})

    assert (missing.value.code, missing.value.http_status) == ("resource_missing", 404)
    assert (unlinked.value.code, unlinked.value.http_status) == ("resource_missing", 400)
    assert [p.name for p in eu.v1.products.list().data] == ["Plätze"]
    assert [p.name for p in client.v1.products.list().data] == ["Seats"]
    assert eu.v1.customers.list().data == []
    assert [event.type for event in eu.v1.events.list().data] == ["product.created"]
    assert eu.v1.accounts.retrieve_current().id == added["id"] != client.v1.accounts.retrieve_current().id
    with pytest.raises(stripe.PermissionError):
        client.v1.customers.list(options={"stripe_account": added["id"]})


def test_the_log_names_the_account_only_where_it_is_not_the_first(
    served: Served, client: stripe.StripeClient, eu: stripe.StripeClient, added: dict[str, Any]
) -> None:
    client.v1.customers.list()
    eu.v1.customers.list()

    first, second = served.log()
    assert "account" not in first
    assert second["account"] == "eu"
    assert added["api_key"] not in json.dumps(served.log())


@pytest.mark.parametrize("by", ["name", "id"])
def test_a_fault_of_one_account_spares_the_other(
    served: Served, client: stripe.StripeClient, eu: stripe.StripeClient, added: dict[str, Any], by: str
) -> None:
    served.fault(system="stripe", kind="rate_limit", ratio=1, account=added[by])

    assert client.v1.customers.list().data == []
    with pytest.raises(stripe.RateLimitError):
        eu.v1.customers.list()


@pytest.mark.parametrize("fault", [{"system": "stripe", "account": "uk"}, {"system": "salesforce", "account": "main"}])
def test_a_fault_of_no_such_account_is_400(served: Served, fault: dict[str, str]) -> None:
    answer = control(served, "POST", "/faults", json={"kind": "lock", "next": 1, **fault})

    assert answer.status_code == 400
    assert "account" in answer.json()["error"]


def test_one_clock_bills_all_accounts_in_the_order_of_time(
    served: Served, client: stripe.StripeClient, eu: stripe.StripeClient, receivers: tuple[Receiver, Receiver],
    added: dict[str, Any],
) -> None:  # fmt: skip
    for one, receiver in zip((client, eu), receivers, strict=True):
        one.v1.webhook_endpoints.create({"url": receiver.url, "enabled_events": ["invoice.created"]})
    _subscribed(served, client, 1000)
    served.clock("2026-01-11T00:00:00Z")
    _subscribed(served, eu, 2000)

    served.clock("2026-03-05T00:00:00Z", deliver=True)

    for one, days, amount in (
        (client, ["2026-01-01", "2026-02-01", "2026-03-01"], 1000),
        (eu, ["2026-01-11", "2026-02-11"], 2000),
    ):
        invoices = one.v1.invoices.list().data[::-1]
        assert [invoice.total for invoice in invoices] == [amount] * len(days)
        assert [day(invoice.created) for invoice in invoices] == days
    numbers = [len(receiver.got) for receiver in receivers]
    assert numbers == [3, 2]
    secrets = served.ready["stripe"]["webhook_secret"], added["webhook_secret"]
    for receiver, secret, other in zip(receivers, secrets, secrets[::-1], strict=True):
        body, header = receiver.got[0]
        assert stripe.WebhookSignature.verify_header(body.decode(), header, secret)
        with pytest.raises(stripe.SignatureVerificationError):
            stripe.WebhookSignature.verify_header(body.decode(), header, other)


def _subscribed(served: Served, client: stripe.StripeClient, minor: int) -> None:
    story = Story(served, client)
    card = story.customer("pm_card_visa")
    story.subscribe(card, [{"price": story.price(str(minor)), "quantity": 1}])
