"""Secrets planted where a process meets them, and the log searched for them."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from sync import log
from sync.cli import run
from sync.errors import Transient
from tests.workers.pipelines import CountingPipeline
from workers.loops import Loop
from workers.tasks import work_off

KEY = "sk_live_PLANTEDplanted0123456789"
HOOK = "whsec_PLANTEDplanted0123456789"
TOKEN = "00D5g000004ABCD!AQcAQPLANTEDplanted.0123456789"
PLANTED = (KEY, HOOK, TOKEN, "rk_live_PLANTED99")


@pytest.fixture
def logging_afterwards_as_before() -> Iterator[None]:
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    logging.getLogger().handlers[:] = []


def failing_with_secrets() -> int:
    api_key, header = KEY, {"Authorization": f"Bearer {TOKEN}", "Stripe-Signature": "t=1,v1=PLANTEDsignature"}
    raise RuntimeError(f"POST failed with {api_key} and {HOOK} and {header['Authorization']} and rk_live_PLANTED99")


@pytest.mark.usefixtures("logging_afterwards_as_before")
def test_an_exception_full_of_secrets_shows_none(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(level="DEBUG", process="test")
    work_off(failing_with_secrets, lambda: False, what="deal")
    Loop("test", failing_with_secrets, threading.Event(), idle_s=1).turn()
    pipeline = CountingPipeline(deal=1)
    pipeline.failing["deal"] = Transient("TEMP-406", f"no answer, key {KEY}")
    work_off(pipeline.run_deal, lambda: False, what="deal")
    logging.getLogger("urllib3").error("Authorization: Bearer %s", TOKEN)

    said = capsys.readouterr().err

    assert said.count("\n") >= 4
    for secret in PLANTED:
        assert secret not in said
    assert "PLANTEDsignature" not in said
    assert all(json.loads(line) for line in said.splitlines())


@pytest.mark.usefixtures("logging_afterwards_as_before")
@pytest.mark.parametrize("verb", [["check", "--online"], ["worker"], ["status"]], ids=lambda verb: verb[0])
def test_no_command_repeats_a_secret_of_its_configuration(
    verb: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    environment = {
        "PATH": "/usr/bin:/bin",
        "TANDEM_HOME": str(tmp_path),
        "STRIPE_API_BASE": "http://127.0.0.1:9",
        "SALESFORCE_URL": "http://127.0.0.1:9",
        "SALESFORCE_CLIENT_ID": "client",
        "SALESFORCE_CLIENT_SECRET": "PLANTEDplanted0123456789",
        "STRIPE_API_KEY": KEY,
        "STRIPE_WEBHOOK_SECRET": HOOK,
        "DATABASE_URL": "postgresql://tandem:PLANTEDpassword@127.0.0.1:9/nowhere",
        "REDIS_URL": "redis://:PLANTEDpassword@127.0.0.1:9/0",
        "LOG_LEVEL": "DEBUG",
    }
    for name in os.environ.keys() - environment.keys():
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    code = run(verb)

    said = capfd.readouterr()
    assert code != 0
    assert said.out + said.err
    assert "PLANTED" not in said.out + said.err
