"""Log lines: one JSON object each, and whatever is planted in them, no key, no e-mail and no name comes out."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from sync import log

KEY = "sk_live_PLANTEDplanted0123456789"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nPLANTEDpem\n-----END RSA PRIVATE KEY-----"
SECRETS = {
    "secret key": KEY,
    "restricted key": "rk_test_PLANTED0123",
    "signing secret": "whsec_PLANTED0123+/=",
    "session id": "00D5g000004ABCD!AQcAQPLANTED.planted_0123",
    "bearer": "Bearer PLANTED.abc",
    "basic": "Basic UExBTlRFRA==",
    "JWT": "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJQTEFOVEVEIn0.PLANTEDsignature",
    "private key": PEM,
    "private key cut short": PEM[:60],
    "password in an address": "postgresql://tandem:PLANTEDword@localhost:5432/db",
    "form field": "grant_type=x&client_secret=PLANTEDsecret&assertion=PLANTED",
    "e-mail": "PLANTED.person+x@mail.example.com",
}  # fmt: skip
PIECES = ("PLANTED", "UExBTlRFRA", "QTEFOVEVE")


@dataclass
class Thing:
    """Something that is no JSON type and tells all when it is turned into text."""

    key: str


class Lines:
    """What is logged from `begin` on; a test's own stderr is there only once the test has begun."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def begin(self, level: str = "DEBUG") -> None:
        log.configure(level=level, process="test", version="1")

    def said(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._capsys.readouterr().err.splitlines()]


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Iterator[Lines]:
    yield Lines(capsys)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    logging.getLogger().handlers[:] = []


def assert_clean(said: object) -> None:
    shown = json.dumps(said)
    for piece in PIECES:
        assert piece not in shown, shown


@pytest.mark.parametrize("what", SECRETS)
def test_no_secret_comes_out_of_any_place(lines: Lines, what: str) -> None:
    lines.begin()
    secret = SECRETS[what]
    words = structlog.get_logger()

    words.info(f"said {secret} aloud")
    words.info("deep", a={"b": [{"c": ("x", {secret})}]}, at=Thing(secret), raw=secret.encode(), keys={secret: 1})
    words.info("named", error=ValueError(f"no use for {secret}"))
    with structlog.contextvars.bound_contextvars(subject=secret):
        words.info("bound")
    try:
        try:
            raise ValueError(secret)
        except ValueError as error:
            raise RuntimeError(f"failed with {secret}") from error
    except RuntimeError:
        words.exception("broke", code="BUG-502")
    logging.getLogger("urllib3").warning("said %s", secret)
    try:
        raise KeyError(secret)
    except KeyError:
        logging.getLogger("dramatiq").exception("broke with %s", secret)

    said = lines.said()
    assert len(said) == 7
    assert_clean(said)


def test_what_is_named_a_secret_or_personal_is_left_out_whatever_it_looks_like() -> None:
    given_ = {
        "client_secret": "x",
        "Authorization": "x",
        "access_token": 5,
        "Email": "x",
        "deep": [{"password": "x", "customer_name": "x"}],
    }

    assert log.redacted(given_) == {
        "client_secret": "[secret]",
        "Authorization": "[secret]",
        "access_token": "[secret]",
        "Email": "[personal]",
        "deep": [{"password": "[secret]", "customer_name": "[personal]"}],
    }


def test_ids_of_both_vendors_and_numbers_stay_readable(lines: Lines) -> None:
    lines.begin()

    structlog.get_logger().info(
        "operation_applied", ref="schedule:0Q05g000000ABCDAA1", stripe_id="sub_sched_1Q2w", stripe_request_id="req_8a9",
        salesforce_id="0Q05g000000ABCDAA1", idempotency_key="tdm-0f3c",
        amount=Decimal("1.50"), ok=True, rows=3, none=None, at=datetime(2026, 3, 1, tzinfo=UTC),
    )  # fmt: skip

    [line] = lines.said()
    assert (line["event"], line["level"], line["process"], line["version"]) == (
        "operation_applied",
        "info",
        "test",
        "1",
    )
    assert (line["stripe_id"], line["salesforce_id"], line["idempotency_key"]) == (
        "sub_sched_1Q2w",
        "0Q05g000000ABCDAA1",
        "tdm-0f3c",
    )
    assert (line["amount"], line["ok"], line["rows"], line["none"]) == ("1.50", True, 3, None)
    assert line["at"].startswith("2026-03-01")
    assert datetime.fromisoformat(line["time"]).tzinfo is not None


def test_an_exception_is_told_with_its_place_and_cause_but_without_locals(lines: Lines) -> None:
    lines.begin()
    hidden = "a value that only a local holds"
    try:
        raise RuntimeError("it broke")
    except RuntimeError:
        structlog.get_logger().exception("broke")

    [line] = lines.said()
    assert line["exception"][0]["exc_value"] == "it broke"
    assert (
        line["exception"][0]["frames"][0]["name"]
        == "test_an_exception_is_told_with_its_place_and_cause_but_without_locals"
    )
    assert hidden not in json.dumps(line)


def test_a_quieter_level_says_less(lines: Lines) -> None:
    lines.begin("WARNING")

    structlog.get_logger().info("chatter")
    structlog.get_logger().warning("matter")

    assert [line["event"] for line in lines.said()] == ["matter"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.just(f"x {KEY} y"),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5) | st.just(KEY), inner),
    max_leaves=20,
)


@given(json_values)
def test_no_depth_hides_a_key(value: Any) -> None:
    assert KEY not in json.dumps(log.redacted(value))
