"""The same key twice: https://docs.stripe.com/api/idempotent_requests."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.sandbox.serving import RawStripe, Served

DAY_1, LESS_THAN_A_DAY_ON, A_DAY_ON = "2026-03-01T00:00:00Z", "2026-03-01T23:59:59Z", "2026-03-02T00:00:00Z"


def key(value: str = "k1") -> dict[str, str]:
    return {"Idempotency-Key": value}


def test_a_repeated_request_is_answered_from_memory_and_done_once(raw: RawStripe, served: Served) -> None:
    first = raw.post("/v1/customers", {"name": "Birch", "metadata[a]": "1"}, headers=key())
    second = raw.post("/v1/customers", {"metadata[a]": "1", "name": "Birch"}, headers=key())
    assert first.content == second.content
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    assert second.headers["Original-Request"] == first.headers["Request-Id"]
    assert len(raw.get("/v1/customers").json()["data"]) == 1
    assert [line["effect"] for line in served.log()[:2]] == [True, False]
    assert [line["idempotency_key"] for line in served.log()] == ["k1", "k1", None]


def test_other_parameters_under_one_key_are_an_idempotency_error(raw: RawStripe) -> None:
    raw.post("/v1/customers", {"name": "Birch"}, headers=key())
    clash = raw.post("/v1/customers", {"name": "Ash"}, headers=key())
    assert clash.status_code == 400
    assert clash.json()["error"]["type"] == "idempotency_error"
    elsewhere = raw.post("/v1/products", {"name": "Birch"}, headers=key())
    assert elsewhere.json()["error"]["type"] == "idempotency_error"


def test_nothing_is_kept_of_a_request_that_fails_validation(raw: RawStripe) -> None:
    assert raw.post("/v1/products", {"name": ""}, headers=key()).status_code == 400
    assert raw.post("/v1/products", {"name": "Pro"}, headers=key()).status_code == 200


def test_a_refusal_by_the_resource_is_kept(raw: RawStripe) -> None:
    form = {"product": "prod_x", "currency": "usd", "unit_amount": "100"}
    assert raw.post("/v1/prices", form, headers=key()).status_code == 400
    raw.post("/v1/products", {"name": "Pro", "id": "prod_x"})
    again = raw.post("/v1/prices", form, headers=key())
    assert again.status_code == 400
    assert again.headers["Idempotent-Replayed"] == "true"
    assert raw.post("/v1/prices", form, headers=key("k2")).status_code == 200


def test_a_server_error_is_kept_under_its_key(raw: RawStripe, served: Served) -> None:
    served.fault(system="stripe", kind="error_500", next=1)
    first = raw.post("/v1/customers", {"name": "Birch"}, headers=key())
    second = raw.post("/v1/customers", {"name": "Birch"}, headers=key())
    assert (first.status_code, second.status_code) == (500, 500)
    assert first.json()["error"]["type"] == "api_error"
    assert second.headers["Idempotent-Replayed"] == "true"
    assert raw.get("/v1/customers").json()["data"] == []
    assert raw.post("/v1/customers", {"name": "Birch"}, headers=key("k2")).status_code == 200


@pytest.mark.parametrize("kind", ["rate_limit", "lock"])
def test_a_429_is_not_kept(raw: RawStripe, served: Served, kind: str) -> None:
    served.fault(system="stripe", kind=kind, next=1)
    assert raw.post("/v1/customers", {"name": "Birch"}, headers=key()).status_code == 429
    done = raw.post("/v1/customers", {"name": "Birch"}, headers=key())
    assert done.status_code == 200
    assert "Idempotent-Replayed" not in done.headers


def test_a_key_is_forgotten_after_a_day_of_business_time(raw: RawStripe, served: Served) -> None:
    served.clock(DAY_1)
    first = raw.post("/v1/customers", {"name": "Birch"}, headers=key()).json()["id"]
    served.clock(LESS_THAN_A_DAY_ON)
    assert raw.post("/v1/customers", {"name": "Birch"}, headers=key()).json()["id"] == first
    served.clock(A_DAY_ON)
    assert raw.post("/v1/customers", {"name": "Birch"}, headers=key()).json()["id"] != first


def test_the_same_key_while_the_first_still_runs_is_409(raw: RawStripe, served: Served) -> None:
    served.fault(system="stripe", kind="delay", next=1, delay_s=0.6)
    with ThreadPoolExecutor(2) as pool:
        slow = pool.submit(RawStripe(served).post, "/v1/customers", {"name": "Birch"}, headers=key())
        meanwhile = raw.post("/v1/customers", {"name": "Birch"}, headers=key())
        while meanwhile.status_code == 200 and not slow.done() and "Idempotent-Replayed" not in meanwhile.headers:
            meanwhile = raw.post("/v1/customers", {"name": "Birch"}, headers=key())
        statuses = {meanwhile.status_code, slow.result().status_code}
    assert statuses == {200, 409}
    assert len(raw.get("/v1/customers").json()["data"]) == 1


def test_a_key_of_more_than_255_characters_is_refused(raw: RawStripe) -> None:
    assert raw.post("/v1/customers", {"name": "x"}, headers=key("k" * 256)).status_code == 400
    assert raw.post("/v1/customers", {"name": "x"}, headers=key("k" * 255)).status_code == 200


def test_get_and_delete_ignore_a_key(raw: RawStripe) -> None:
    customer = raw.post("/v1/customers", {"name": "Birch"}).json()["id"]
    assert raw.get(f"/v1/customers/{customer}", headers=key()).status_code == 200
    assert raw.delete(f"/v1/customers/{customer}", headers=key()).json()["deleted"] is True
