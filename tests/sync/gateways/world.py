"""A sandbox as these tests use it: its control port, an administrator in the org, Stripe's API, and our gateways to
both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import requests

from sync.gateways import salesforce_gateway, stripe_client
from sync.gateways.names import Names
from sync.gateways.salesforce_auth import Credentials
from sync.gateways.salesforce_client import json_text
from sync.gateways.salesforce_gateway import SalesforceOrg
from sync.gateways.stripe_budget import Rate
from sync.gateways.stripe_client import StripeAccount
from sync.gateways.stripe_wire import form
from sync.mapping import Mappings, load

HARNESS = {"X-Tandem-Client": "harness"}
FAST = Rate(per_s=10_000, burst=10_000)
USER_AGENT = "Tandem/0.1"


class World:
    """One running sandbox."""

    def __init__(self, ready: Mapping[str, Any], *, namespace: str = "") -> None:
        self.control = str(ready["control_url"])
        self.names = Names(namespace)
        self._namespace = namespace
        self.refresh()

    def refresh(self) -> None:
        """Take addresses and credentials anew: a reset changes the latter."""
        ready = requests.get(f"{self.control}/ready", timeout=10).json()
        self.stripe_url, self.stripe_key = ready["stripe_url"], ready["stripe"]["api_key"]
        self.salesforce = ready["salesforce"]
        self._token = ""

    def clock(self, now: str) -> None:
        requests.post(f"{self.control}/clock", json={"now": now}, timeout=120).raise_for_status()

    def fault(self, **fault: object) -> None:
        requests.post(f"{self.control}/faults", json=fault, timeout=10).raise_for_status()

    def give_discount(self, customer: str, coupon: str) -> None:
        """A person gives a customer a discount in Stripe."""
        body = {"customer": customer, "coupon": coupon}
        requests.post(f"{self.control}/customer_discounts", json=body, timeout=10).raise_for_status()

    def log(self, system: str) -> list[dict[str, Any]]:
        """What our gateways said to a vendor, in order."""
        lines = requests.get(f"{self.control}/log", timeout=30).text.splitlines()
        import json

        parsed = [json.loads(line) for line in lines]
        return [x for x in parsed if x["system"] == system and x["client"] != "harness"]

    # ------------------------------------------------------------------ gateways

    def stripe(self, **options: Any) -> StripeAccount:
        given = {"account_rate": FAST, "endpoint_rate": FAST, "bucket": "test", "user_agent": USER_AGENT, **options}
        return stripe_client.connect(api_key=self.stripe_key, api_base=self.stripe_url, **given)

    def credentials(self, **other: Any) -> Credentials:
        ours = self.salesforce
        given = {
            "token_url": ours["token_url"],
            "client_id": ours["client_id"],
            "client_secret": ours["client_secret"],
            "instance_url": ours["url"],
        }
        return Credentials(**{**given, **other})

    def org(self, mappings: Mappings | None = None, **options: Any) -> SalesforceOrg:
        given = {"credentials": self.credentials(), "user_agent": USER_AGENT, "namespace": self._namespace, **options}
        return salesforce_gateway.connect(mappings=mappings or load(), **given)

    # ------------------------------------------------------------------ people

    def admin(self, method: str, path: str, body: object = None) -> Any:
        """An administrator of the org calls its API; ``path`` is below the version."""
        ours = self.salesforce
        if not self._token:
            data = {
                "grant_type": "client_credentials",
                "client_id": ours["client_id"],
                "client_secret": ours["client_secret"],
            }
            self._token = requests.post(ours["token_url"], data=data, headers=HARNESS, timeout=10).json()[
                "access_token"
            ]
        headers = {**HARNESS, "Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        url = path if path.startswith("http") else f"{ours['url']}/services/data/v66.0{path}"
        answer = requests.request(
            method, url, data=json_text(body) if body is not None else None, headers=headers, timeout=30
        )
        assert answer.ok, answer.text
        return answer.json() if answer.content else None

    def switch(self, name: str, body: Mapping[str, object]) -> Any:
        """A switch of the sandbox's org that no API of Salesforce offers."""
        return self.admin("POST", f"{self.salesforce['url']}/tandem-sandbox/{name}", body)

    def make(self, sobject: str, /, **fields: object) -> str:
        """An administrator makes a record; returns its id."""
        body = {self.names.to_org(k): v for k, v in fields.items()}
        return str(self.admin("POST", f"/sobjects/{self.names.to_org(sobject)}", body)["id"])

    def change(self, sobject: str, id: str, /, **fields: object) -> None:
        body = {self.names.to_org(k): v for k, v in fields.items()}
        self.admin("PATCH", f"/sobjects/{self.names.to_org(sobject)}/{id}", body)

    def delete(self, sobject: str, id: str) -> None:
        self.admin("DELETE", f"/sobjects/{self.names.to_org(sobject)}/{id}")

    def query(self, soql: str) -> list[dict[str, Any]]:
        return list(self.admin("GET", f"/query?q={requests.utils.quote(soql)}")["records"])

    def billing(self, method: str, path: str, /, **params: object) -> Any:
        """Somebody else uses Stripe's API."""
        fields = form(params)
        answer = requests.request(
            method,
            self.stripe_url + path,
            data=fields if method == "POST" else None,
            params=fields if method != "POST" else None,
            headers={**HARNESS, "Authorization": f"Bearer {self.stripe_key}", "Stripe-Version": "2026-10-28.endive"},
            timeout=30,
        )
        assert answer.ok, answer.text
        return answer.json()
