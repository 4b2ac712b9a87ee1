"""What every request to the sandbox's Stripe meets before a resource is looked at."""

from __future__ import annotations

import base64

import pytest
import requests
import stripe

from tests.sandbox.serving import RawStripe, Served

PINNED = "2026-10-28.endive"


def error_of(answer: requests.Response) -> dict[str, str]:
    """The error object of a refusal."""
    return dict(answer.json()["error"])


def test_official_client_talks_to_the_sandbox_with_the_ready_files_key(client: stripe.StripeClient) -> None:
    customer = client.v1.customers.create({"email": "ops@birch.example"})
    assert client.v1.customers.retrieve(customer.id).email == "ops@birch.example"


def test_a_request_without_a_key_is_401(raw: RawStripe) -> None:
    answer = requests.get(f"{raw.url}/v1/customers", timeout=10)
    assert answer.status_code == 401
    assert "You did not provide an API key" in error_of(answer)["message"]


@pytest.mark.parametrize("key", ["sk_test_wrong_1234567890", "sk_live_1234567890", "x"])
def test_a_foreign_key_is_401_and_is_not_repeated_in_full(raw: RawStripe, key: str) -> None:
    answer = requests.get(f"{raw.url}/v1/customers", headers={"Authorization": f"Bearer {key}"}, timeout=10)
    assert answer.status_code == 401
    assert f" {key}" not in error_of(answer)["message"]


def test_the_key_may_come_as_basic_user(raw: RawStripe, served: Served) -> None:
    basic = base64.b64encode(f"{served.ready['stripe']['api_key']}:".encode()).decode()
    answer = requests.get(f"{raw.url}/v1/customers", headers={"Authorization": f"Basic {basic}"}, timeout=10)
    assert answer.status_code == 200


def test_an_account_that_is_not_the_keys_own_is_refused(client: stripe.StripeClient) -> None:
    own = client.v1.accounts.retrieve_current().id
    assert client.v1.accounts.retrieve(own).charges_enabled is True
    client.v1.customers.list(options={"stripe_account": own})
    with pytest.raises(stripe.PermissionError):
        client.v1.customers.list(options={"stripe_account": "acct_other"})


def test_every_answer_names_its_request_and_version(raw: RawStripe) -> None:
    good, bad = raw.get("/v1/customers"), raw.get("/v1/customers/cus_none")
    assert good.headers["Request-Id"].startswith("req_")
    assert good.headers["Request-Id"] != bad.headers["Request-Id"]
    assert good.headers["Stripe-Version"] == PINNED


@pytest.mark.parametrize(("version", "status"), [(PINNED, 200), ("2025-03-31.basil", 400), ("endive", 400)])
def test_only_the_pinned_version_is_spoken(raw: RawStripe, version: str, status: int) -> None:
    assert raw.get("/v1/customers", headers={"Stripe-Version": version}).status_code == status


def test_an_unknown_address_is_stripes_404(raw: RawStripe) -> None:
    answer = raw.post("/v1/subscriptoins", {"a": "b"})
    assert answer.status_code == 404
    assert error_of(answer)["message"].startswith("Unrecognized request URL (POST: /v1/subscriptoins).")
    assert raw.ask("PUT", "/v1/customers").status_code == 404
    assert "Unrecognized" in error_of(raw.get("/v1/customers/search", {"query": "email:'x'"}))["message"]


def test_json_is_refused_on_v1(raw: RawStripe) -> None:
    assert raw.post("/v1/customers", json={"email": "a@b.example"}).status_code == 400
    assert raw.get("/v1/customers").json()["data"] == []


@pytest.mark.parametrize("body", ["metadata[a]=1&metadata=2", "[a]=1", "a[b=1", "metadata[a][=1"])
def test_a_malformed_form_is_400(raw: RawStripe, body: str) -> None:
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    assert raw.post("/v1/customers", body, headers=kind).status_code == 400


def test_bytes_that_are_no_text_are_400(raw: RawStripe) -> None:
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    assert raw.post("/v1/customers", b"email=\xff\xfe", headers=kind).status_code == 400


def test_empty_brackets_and_numbered_ones_are_lists(raw: RawStripe) -> None:
    dashed = raw.post("/v1/customers", [("preferred_locales[]", "de"), ("preferred_locales[]", "en")])
    numbered = raw.post("/v1/customers", {"preferred_locales[1]": "en", "preferred_locales[0]": "de"})
    assert dashed.json()["preferred_locales"] == numbered.json()["preferred_locales"] == ["de", "en"]


def test_an_unknown_parameter_is_refused_by_name_also_deep_inside(raw: RawStripe) -> None:
    answer = raw.post("/v1/customers", {"emial": "a@b.example"})
    assert answer.status_code == 400
    assert error_of(answer)["code"] == "parameter_unknown"
    assert error_of(answer)["param"] == "emial"
    deep = raw.post("/v1/customers", {"address[street]": "x"})
    assert error_of(deep)["param"] == "address[street]"
    assert error_of(raw.get("/v1/customers", {"name": "x"}))["code"] == "parameter_unknown"


@pytest.mark.parametrize(
    ("path", "form", "code", "param"),
    [
        ("/v1/products", {}, "parameter_missing", "name"),
        ("/v1/prices", {"product": "p"}, "parameter_missing", "currency"),
        ("/v1/customers", {"balance": "12.5"}, "parameter_invalid_integer", "balance"),
        ("/v1/customers", {"next_invoice_sequence": "0"}, "parameter_invalid_integer", "next_invoice_sequence"),
        ("/v1/products", {"name": "x", "active": "yes"}, "parameter_invalid_boolean", "active"),
        ("/v1/products", {"name": ""}, "parameter_invalid_empty", "name"),
        ("/v1/customers", {"tax_exempt": "maybe"}, None, "tax_exempt"),
        ("/v1/customers", {"metadata": "x"}, None, "metadata"),
        ("/v1/customers", {"address": "x"}, None, "address"),
        ("/v1/customers", {"preferred_locales": "de"}, None, "preferred_locales"),
        ("/v1/customers", {"name": "n" * 257}, None, "name"),
        ("/v1/customers", {"email[x]": "1"}, "parameter_invalid_string", "email"),
    ],
)
def test_a_wrong_value_is_refused_with_its_parameter(
    raw: RawStripe, path: str, form: dict[str, str], code: str | None, param: str
) -> None:
    answer = raw.post(path, form)
    assert answer.status_code == 400
    assert error_of(answer).get("code") == code
    assert error_of(answer)["param"] == param


@pytest.mark.parametrize(
    "form",
    [
        {"metadata[" + "k" * 41 + "]": "v"},
        {"metadata[k]": "v" * 501},
        {f"metadata[k{n}]": "v" for n in range(51)},
    ],
)
def test_metadata_beyond_its_limits_is_refused(raw: RawStripe, form: dict[str, str]) -> None:
    assert raw.post("/v1/customers", form).status_code == 400


def test_metadata_at_its_limits_is_taken_and_can_be_unset(client: stripe.StripeClient) -> None:
    full = {f"{n:040}": "v" * 500 for n in range(50)}
    customer = client.v1.customers.create({"metadata": full})
    assert len(customer.metadata.to_dict()) == 50
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.customers.update(customer.id, {"metadata": {"one more": "x"}})
    less = client.v1.customers.update(customer.id, {"metadata": {f"{0:040}": ""}})
    assert len(less.metadata.to_dict()) == 49
    assert client.v1.customers.update(customer.id, {"metadata": ""}).metadata.to_dict() == {}


def test_an_unknown_id_is_404_in_the_path_and_400_in_a_parameter(raw: RawStripe) -> None:
    in_path = raw.get("/v1/customers/cus_none")
    assert in_path.status_code == 404
    assert error_of(in_path) | {"doc_url": ""} == {
        "message": "No such customer: 'cus_none'",
        "type": "invalid_request_error",
        "code": "resource_missing",
        "param": "id",
        "doc_url": "",
    }
    in_body = raw.post("/v1/prices", {"product": "prod_none", "currency": "usd", "unit_amount": "1"})
    assert in_body.status_code == 400
    assert error_of(in_body)["param"] == "product"


def test_a_refusal_leaves_no_effect_in_the_log(raw: RawStripe, served: Served) -> None:
    raw.post("/v1/products", {"name": "x", "nope": "y"})
    raw.post("/v1/products", {"name": "x"})
    assert [line["effect"] for line in served.log()] == [False, True]


def test_an_update_that_changes_nothing_has_no_effect_and_no_event(client: stripe.StripeClient, served: Served) -> None:
    customer = client.v1.customers.create({"name": "Birch"})
    client.v1.customers.update(customer.id, {"name": "Birch"})
    assert [line["effect"] for line in served.log()] == [True, False]
    assert [event.type for event in client.v1.events.list().data] == ["customer.created"]
