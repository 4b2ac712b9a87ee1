"""STRIPE_ACCOUNTS in a sandbox: the file has names, the control URL the credentials."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from sync.config import ConfigFault
from sync.endpoints import endpoints
from tests.e2e.sandbox import World
from tests.e2e.tandem import settings_for_url

FILE = """\
accounts: [{name: main}, {name: eu, requests_per_s: 3}]
routes: [{account: eu, when: {Account.BillingCountry: France}}, {account: main}]
"""


def test_credentials_of_named_accounts_come_from_the_control_url(world: World, tmp_path: Path) -> None:
    file = tmp_path / "accounts.yaml"
    file.write_text(FILE)
    settings = settings_for_url(world.control_url, stripe_accounts=file)
    with pytest.raises(ConfigFault, match=r"account eu: TANDEM_SANDBOX_URL has no such account; it has main"):
        endpoints(settings)
    made = requests.post(f"{world.control_url}/stripe_accounts", json={"name": "eu"}, timeout=10).json()

    places = endpoints(settings)

    main, eu = places.stripe
    assert main.api_key.get_secret_value() == world.ready["stripe"]["api_key"]
    assert eu.api_key.get_secret_value() == made["api_key"]
    assert [s.get_secret_value() for s in eu.webhook_secrets] == [made["webhook_secret"]]
    assert (eu.name, eu.requests_per_s, eu.missing) == ("eu", 3.0, "")
    assert places.routes.route({}, {"BillingCountry": "France"}) == "eu"


def test_check_looks_at_every_account_at_its_address_and_at_the_fields_of_the_routes(
    world: World, tandem_command: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = requests.post(f"{world.control_url}/stripe_accounts", json={"name": "eu"}, timeout=10).json()
    url, key = f"{world.ready['stripe_url']}/v1/webhook_endpoints", made["api_key"]
    for path in ("stripe", "stripe/eu"):
        form = {"url": f"http://127.0.0.1:9/webhooks/{path}", "enabled_events[0]": "*"}
        requests.post(url, data=form, auth=(key, ""), timeout=10).raise_for_status()
    file = tmp_path / "accounts.yaml"
    monkeypatch.setenv("STRIPE_ACCOUNTS", str(file))

    def check() -> tuple[int, dict[str, list[tuple[str, str]]]]:
        code, answer = tandem_command("check", "--online")
        told: dict[str, list[tuple[str, str]]] = {}
        for line in answer["lines"]:
            told.setdefault(line["what"], []).append((line["level"], line["detail"]))
        return code, told

    file.write_text(FILE)
    code, told = check()
    assert code == 0, told
    assert told["Stripe log-in of eu"] == [("OK", f"{made['id']}, test mode")]
    assert told["Stripe webhooks of eu"] == [
        ("OK", "http://127.0.0.1:9/webhooks/stripe/eu, version of the account")
    ]  # fmt: skip
    assert told["Stripe webhooks of main"][0][0] == "WARN"
    assert [told[f"Stripe {what} of eu"][0][0] for what in ("events", "usage reports")] == ["OK", "OK"]
    assert (told["Stripe routes"][0][0], told["store"][0][0]) == ("OK", "OK")

    file.write_text(FILE.replace("Account.BillingCountry", "Account.No_Such__c"))
    code, told = check()
    assert code == 2
    assert "Account.No_Such__c" in told["Stripe routes"][0][1]
    assert "CONF-302" in told["Stripe routes"][0][1]

    # The store began with an account that is not given any more.
    requests.post(f"{world.control_url}/stripe_accounts", json={"name": "uk"}, timeout=10).raise_for_status()
    file.write_text(FILE.replace("main", "uk"))
    code, told = check()
    assert code == 2
    assert "CONF-308" in told["store"][0][1]
