"""Logging in, tokens and who a caller is."""

from __future__ import annotations

import time

import jwt
import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.sandbox.salesforce.conftest import BASE, Crm

_JWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def _token(crm: Crm, **form: str) -> requests.Response:
    return requests.post(crm.ready["token_url"], data=form, timeout=10)


def test_client_credentials_give_a_token_that_says_where_and_who(crm: Crm) -> None:
    token = crm.log_in()
    assert token["token_type"] == "Bearer"
    assert token["instance_url"] == crm.ready["url"]
    org, user = token["id"].split("/")[-2:]
    assert (org[:3], user[:3]) == ("00D", "005")
    assert crm.query("SELECT Id FROM Organization")[0]["Id"] == org
    assert crm.ask("GET", "/services/oauth2/userinfo").json()["organization_id"] == org


def test_client_may_name_itself_in_the_body(crm: Crm) -> None:
    form = {"client_id": crm.ready["client_id"], "client_secret": crm.ready["client_secret"]}
    assert _token(crm, grant_type="client_credentials", **form).status_code == 200


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "client_credentials", "client_id": "x", "client_secret": "y"}, "invalid_client_id"),
        ({"grant_type": "password", "username": "a", "password": "b"}, "unsupported_grant_type"),
        ({"grant_type": _JWT, "assertion": "x.y.z"}, "invalid_client"),
        ({}, "unsupported_grant_type"),
    ],
)
def test_other_log_ins_are_refused_in_oauths_words(crm: Crm, form: dict[str, str], error: str) -> None:
    answer = _token(crm, **form)
    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert answer.json()["error_description"]


def test_wrong_secret_is_refused(crm: Crm) -> None:
    pair = (crm.ready["client_id"], "wrong")
    answer = requests.post(crm.ready["token_url"], data={"grant_type": "client_credentials"}, auth=pair, timeout=10)
    assert answer.json()["error"] == "invalid_client"


@pytest.fixture
def key(crm: Crm) -> rsa.RSAPrivateKey:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    public = private.public_key().public_bytes(serialization.Encoding.PEM, form).decode()
    crm.switch("certificate", public_key=public)
    return private


def _assertion(crm: Crm, key: rsa.RSAPrivateKey, **changed: object) -> str:
    claims = {
        "iss": crm.ready["client_id"],
        "sub": "integration@tandem.sandbox",
        "aud": "https://login.salesforce.com",
        "exp": int(time.time()) + 180,
        **changed,
    }
    return jwt.encode(claims, key, "RS256")


def test_signed_assertion_logs_in(crm: Crm, key: rsa.RSAPrivateKey) -> None:
    answer = _token(crm, grant_type=_JWT, assertion=_assertion(crm, key))
    assert answer.status_code == 200
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    assert requests.get(f"{crm.ready['url']}{BASE}/limits", headers=headers, timeout=10).status_code == 200


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"exp": int(time.time()) - 60}, "invalid_grant"),
        ({"aud": "https://evil.example"}, "invalid_grant"),
        ({"iss": "somebody"}, "invalid_client_id"),
        ({"sub": "nobody@tandem.sandbox"}, "invalid_grant"),
    ],
)
def test_assertion_that_is_not_right_is_refused(
    crm: Crm, key: rsa.RSAPrivateKey, changed: dict[str, object], error: str
) -> None:
    assert _token(crm, grant_type=_JWT, assertion=_assertion(crm, key, **changed)).json()["error"] == error


def test_assertion_of_another_key_is_refused(crm: Crm, key: rsa.RSAPrivateKey) -> None:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert _token(crm, grant_type=_JWT, assertion=_assertion(crm, other)).json()["error"] == "invalid_grant"


@pytest.mark.parametrize("header", ["", "Bearer nonsense", "Basic abc"])
def test_call_without_a_valid_token_is_401(crm: Crm, header: str) -> None:
    crm.session.headers["Authorization"] = header
    assert crm.refused("GET", "limits") == (401, "INVALID_SESSION_ID", "Session expired or invalid")


def test_expired_token_is_401_and_a_new_one_works(crm: Crm) -> None:
    crm.switch("expire-tokens")
    assert crm.refused("GET", "limits")[0] == 401
    crm.log_in()
    assert crm.ask("GET", "limits").status_code == 200


def test_token_lives_by_machine_time_not_by_the_business_clock(crm: Crm) -> None:
    crm.served.clock("2027-03-01T00:00:00Z")
    assert crm.ask("GET", "limits").status_code == 200
    crm.switch("settings", token_ttl_s=0)
    crm.log_in()
    assert crm.refused("GET", "limits")[0] == 401


def test_revoked_token_is_401(crm: Crm) -> None:
    token = str(crm.session.headers["Authorization"]).removeprefix("Bearer ")
    crm.ask("POST", f"/services/oauth2/revoke?token={token}")
    assert crm.refused("GET", "limits")[0] == 401


def test_versions_need_no_log_in(crm: Crm) -> None:
    versions = requests.get(f"{crm.ready['url']}/services/data", timeout=10).json()
    assert "66.0" in {entry["version"] for entry in versions}


def test_reset_makes_another_org_and_keeps_the_credentials(crm: Crm) -> None:
    [before] = crm.query("SELECT Id FROM Organization")
    crm.create("Account", Name="A")
    crm.served.reset()
    crm.log_in()
    [after] = crm.query("SELECT Id FROM Organization")
    assert before["Id"] != after["Id"]
    assert crm.query("SELECT Id FROM Account") == []
