"""Log-in, token and its renewal."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from sync.errors import Terminal, Transient
from sync.gateways.http import Transport
from sync.gateways.salesforce_auth import Credentials, Tokens
from sync.gateways.salesforce_client import SalesforceHttp
from tests.sync.gateways.stand_in import Reply, Request, StandIn, always, serving
from tests.sync.gateways.world import World

ORGANIZATION = "00D000000000001AAA"


def granted(vendor_url: str = "", token: str = "t1", **over: object) -> Reply:
    body = {
        "access_token": token,
        "instance_url": vendor_url or "https://acme.my.salesforce.com",
        "id": f"https://login.salesforce.com/id/{ORGANIZATION}/005000000000001AAA",
    }
    return Reply(body={**body, **over})


def tokens_at(vendor: StandIn, **over: object) -> Tokens:
    given = {"token_url": f"{vendor.url}/services/oauth2/token", "client_id": "id", "client_secret": "hush", **over}
    return Tokens(Credentials(**given), Transport(user_agent="Tandem/0.1", call_deadline_s=5))  # type: ignore[arg-type]


def test_client_credentials_travel_in_the_header_to_the_configured_url() -> None:
    with serving(always(granted())) as vendor:
        token = tokens_at(vendor).current()
    (request,) = vendor.seen
    assert (request.route, request.fields) == ("/services/oauth2/token", {"grant_type": "client_credentials"})
    assert request.headers["authorization"].startswith("Basic ")
    assert (token.organization_id, token.instance_url) == (ORGANIZATION, "https://acme.my.salesforce.com")


def test_a_jwt_is_signed_for_the_user() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    with serving(always(granted())) as vendor:
        tokens_at(vendor, client_secret=None, username="bot@acme.example", private_key=pem).current()
    fields = vendor.seen[0].fields
    assert fields["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    assert fields["assertion"].count(".") == 2


def test_one_log_in_serves_all_threads_and_calls() -> None:
    with serving(always(granted())) as vendor:
        tokens = tokens_at(vendor)
        with ThreadPoolExecutor(8) as pool:
            values = {t.value for t in pool.map(lambda _: tokens.current(), range(32))}
    assert values == {"t1"}
    assert len(vendor.seen) == 1


def test_sixteen_threads_with_an_expired_token_log_in_once() -> None:
    serial = iter(range(100))
    with serving(lambda request: granted(token=f"t{next(serial)}")) as vendor:
        tokens = tokens_at(vendor)
        old = tokens.current()
        start = threading.Barrier(16)

        def renew(_: int) -> str:
            start.wait(5)
            return tokens.renew(old).value

        with ThreadPoolExecutor(16) as pool:
            assert set(pool.map(renew, range(16))) == {"t1"}
    assert len(vendor.seen) == 2


@pytest.mark.parametrize(
    "reply",
    [
        Reply(400, {"error": "invalid_client", "error_description": "invalid client credentials"}),
        Reply(401, {"error": "invalid_grant"}),
        granted(access_token=None),
        granted(id="https://login.salesforce.com/id/none"),
        granted(instance_url="http://acme.my.salesforce.com"),
        Reply(302, headers={"Location": "https://elsewhere.example"}),
    ],
)
def test_a_refused_log_in_is_for_a_person_and_keeps_the_secret(reply: Reply) -> None:
    with serving(always(reply)) as vendor, pytest.raises(Terminal, match="CONF-307") as caught:
        tokens_at(vendor).current()
    assert "hush" not in repr(caught.value)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(503, "<html>maintenance</html>"),
        Reply(500, {"error": "server"}),
        Reply(429, {"error": "too_many"}),
        Reply(400, {"error": "unknown_error", "error_description": "retry your request"}),
        Reply(400, {"error": "invalid_grant", "error_description": "login rate exceeded"}),
        Reply(drop=True),
    ],
)
def test_a_salesforce_that_is_down_will_come_back(reply: Reply) -> None:
    with serving(always(reply)) as vendor, pytest.raises(Transient, match="TEMP-406"):
        tokens_at(vendor).current()


@pytest.mark.parametrize(
    "over",
    [
        {"token_url": "http://acme.my.salesforce.com/services/oauth2/token"},
        {"instance_url": "http://acme.my.salesforce.com"},
        {"client_secret": None},
        {"client_secret": None, "username": "bot@acme.example"},
    ],
)
def test_credentials_that_are_unsafe_or_incomplete_are_refused_at_once(over: dict[str, object]) -> None:
    with serving(always(granted())) as vendor:
        with pytest.raises(Terminal, match="CONF-307"):
            tokens_at(vendor, **over)
        assert vendor.seen == []


def test_an_unreadable_private_key_is_a_configuration_fault() -> None:
    with serving(always(granted())) as vendor, pytest.raises(Terminal, match="CONF-307"):
        tokens_at(vendor, client_secret=None, username="bot", private_key="not a key").current()


def test_secrets_are_not_in_a_repr() -> None:
    shown = repr(Credentials("https://x", "id", client_secret="hush", private_key="pem-text"))
    assert "hush" not in shown
    assert "pem-text" not in shown


# ------------------------------------------------------------------ the replay after a renewal


def org_at(vendor: StandIn, deadline_s: float = 5.0) -> SalesforceHttp:
    transport = Transport(user_agent="Tandem/0.1", call_deadline_s=deadline_s)
    given = Credentials(f"{vendor.url}/token", "id", client_secret="hush", instance_url=vendor.url)
    return SalesforceHttp(Tokens(given, transport), transport)


def expiring(times: int, refusal: Reply) -> StandIn:
    left, serial = [times], iter(range(100))

    def answer(request: Request) -> Reply:
        if request.route == "/token":
            return granted(token=f"t{next(serial)}")
        if left[0]:
            left[0] -= 1
            return refusal
        return Reply(body={"ok": True})

    return StandIn(answer)


@pytest.mark.parametrize(
    "refusal",
    [Reply(401, [{"errorCode": "INVALID_SESSION_ID", "message": "Session expired"}]), Reply(401, "<html>who?</html>")],
)
def test_an_expired_token_is_renewed_once_and_the_call_replayed_with_its_headers(refusal: Reply) -> None:
    with serving(expiring(1, refusal).answer) as vendor:
        headers = {"If-Unmodified-Since": "Sun, 01 Mar 2026 00:00:00 GMT"}
        answer = org_at(vendor).call("PATCH", "/sobjects/Account/1", body={"a": 1}, headers=headers, what="Account")
    assert answer.json() == {"ok": True}
    first, second = [r for r in vendor.seen if r.route != "/token"]
    assert (first.headers["authorization"], second.headers["authorization"]) == ("Bearer t0", "Bearer t1")
    assert (
        second.headers["if-unmodified-since"] == first.headers["if-unmodified-since"] == headers["If-Unmodified-Since"]
    )
    assert second.json == first.json == {"a": 1}


def test_a_fresh_token_that_is_refused_too_ends_it() -> None:
    refusal = Reply(401, [{"errorCode": "INVALID_SESSION_ID", "message": "Session expired"}])
    with serving(expiring(100, refusal).answer) as vendor:
        with pytest.raises(Terminal, match="CONF-307"):
            org_at(vendor).call("GET", "/limits", what="limits")
        assert vendor.calls.count("POST /token") == 2
        assert len(vendor.seen) == 4


def test_log_in_and_call_share_one_deadline() -> None:
    release = threading.Event()

    def answer(request: Request) -> Reply:
        return granted() if request.route == "/token" else Reply(401, "<html>who?</html>", hold=release)

    with serving(answer) as vendor:
        org = org_at(vendor, deadline_s=0.5)
        begun = time.monotonic()
        with pytest.raises(Transient, match="TEMP-406"):
            org.call("GET", "/limits", what="limits")
        assert time.monotonic() - begun < 1.0
        release.set()


@pytest.mark.parametrize("path", ["//evil.example/x", "/sobjects/Account/../../x", "/services/data/v66.0//x"])
def test_the_token_goes_nowhere_but_to_the_org(path: str) -> None:
    with serving(always(granted())) as vendor:
        with pytest.raises(Terminal, match="BUG-502"):
            org_at(vendor).call("GET", path, what="x")
        assert vendor.seen == []


def test_against_the_sandbox_an_expired_token_is_not_noticed(world: World) -> None:
    org = world.org()
    assert org.organization_id.startswith("00D")
    world.fault(system="salesforce", kind="expire_token", next=1)
    assert org.accounts([]) == {}
    assert org.find_accounts(emails=["nobody@example.com"]) == []


def test_against_the_sandbox_wrong_credentials_are_named(world: World) -> None:
    org = world.org(credentials=world.credentials(client_secret="wrong"))
    with pytest.raises(Terminal, match="CONF-307"):
        assert org.organization_id
