"""One served Salesforce for this folder's tests, reset for each, and a plain client that speaks to it over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from sandbox.salesforce.app import SalesforceHalf
from sandbox.world import World
from tests.sandbox.serving import Served

VERSION = "v66.0"
BASE = f"/services/data/{VERSION}"


class Crm:
    """A client of one served Salesforce. ``client`` is the name it gives itself; by default nobody in particular."""

    def __init__(self, served: Served, client: str = "somebody") -> None:
        self.served, self.ready = served, served.ready["salesforce"]
        self.session = requests.Session()
        self.session.headers["X-Tandem-Client"] = client
        self.log_in()

    def log_in(self) -> dict[str, Any]:
        form = {"grant_type": "client_credentials"}
        pair = (self.ready["client_id"], self.ready["client_secret"])
        answer = requests.post(self.ready["token_url"], data=form, auth=pair, timeout=10)
        answer.raise_for_status()
        token: dict[str, Any] = answer.json()
        self.session.headers["Authorization"] = f"Bearer {token['access_token']}"
        return token

    def ask(self, method: str, path: str, body: Any = None, **more: Any) -> requests.Response:
        url = path if path.startswith("/") else f"{BASE}/{path}"
        return self.session.request(method, self.ready["url"] + url, json=body, timeout=30, **more)

    def create(self, entity: str, **values: Any) -> str:
        answer = self.ask("POST", f"sobjects/{entity}", values)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def update(self, entity: str, record_id: str, **values: Any) -> None:
        answer = self.ask("PATCH", f"sobjects/{entity}/{record_id}", values)
        assert answer.status_code == 204, answer.text

    def get(self, entity: str, record_id: str) -> dict[str, Any]:
        answer = self.ask("GET", f"sobjects/{entity}/{record_id}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def query(self, soql: str, resource: str = "query") -> list[dict[str, Any]]:
        answer = self.ask("GET", resource, params={"q": soql})
        assert answer.status_code == 200, answer.text
        records: list[dict[str, Any]] = answer.json()["records"]
        return records

    def refused(self, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, str, str]:
        """Status, error code and message of a refusal."""
        answer = self.ask(method, path, body, **more)
        assert answer.status_code >= 400, answer.text
        [error] = answer.json()
        return answer.status_code, error["errorCode"], error["message"]

    def refused_query(self, soql: str) -> tuple[str, str]:
        status, code, message = self.refused("GET", "query", params={"q": soql})
        assert status == 400
        return code, message

    def switch(self, name: str, **values: Any) -> dict[str, Any]:
        answer = self.ask("POST", f"/tandem-sandbox/{name}", values, headers={"X-Tandem-Client": "harness"})
        assert answer.status_code < 300, answer.text
        return dict(answer.json()) if answer.content else {}

    def quote(self, currency: str = "USD", **values: Any) -> dict[str, str]:
        """An account with an opportunity, a quote of one line, and their ids by object."""
        ids = {"Account": self.create("Account", Name="Acme")}
        ids["Opportunity"] = self.create(
            "Opportunity", Name="Deal", StageName="Prospecting", CloseDate="2026-03-01",
            AccountId=ids["Account"], CurrencyIsoCode=currency,
        )  # fmt: skip
        ids["Product2"] = self.create("Product2", Name="Seat", ProductCode="SEAT", IsActive=True)
        [book] = self.query("SELECT Id FROM Pricebook2 WHERE IsStandard = true")
        ids["Pricebook2"] = book["Id"]
        ids["PricebookEntry"] = self.create(
            "PricebookEntry", Pricebook2Id=book["Id"], Product2Id=ids["Product2"], UnitPrice=49,
            CurrencyIsoCode=currency, IsActive=True,
        )  # fmt: skip
        ids["Quote"] = self.create(
            "Quote", Name="Q", OpportunityId=ids["Opportunity"], Pricebook2Id=book["Id"], **values
        )
        ids["QuoteLineItem"] = self.create(
            "QuoteLineItem", QuoteId=ids["Quote"], PricebookEntryId=ids["PricebookEntry"], Quantity=25, UnitPrice=588
        )
        return ids


@pytest.fixture(scope="session")
def salesforce_server() -> Iterator[Served]:
    world = World()
    world.add(SalesforceHalf(world))
    with Served(world) as served:
        yield served


@pytest.fixture
def served(salesforce_server: Served) -> Iterator[Served]:
    salesforce_server.reset()
    yield salesforce_server
    salesforce_server.clear_faults()


@pytest.fixture
def crm(served: Served) -> Crm:
    served.clock("2026-03-01T00:00:00Z")
    return Crm(served)
