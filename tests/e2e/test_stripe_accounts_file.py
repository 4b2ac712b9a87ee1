"""STRIPE_ACCOUNTS in a sandbox: the file has names, the control URL the credentials."""

from __future__ import annotations

from pathlib import Path

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
