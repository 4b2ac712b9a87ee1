"""The people of the demo: they speak to both systems over HTTP as anybody would, and to Tandem not at all."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import requests

#: Marks what a person or a test does, so that the sandbox's traffic log and planted faults tell it from Tandem.
HARNESS_NAME = "harness"
HARNESS = {"X-Tandem-Client": HARNESS_NAME}
TIMEOUT_S = (3, 60)
RECORDS_A_CALL = 200
#: A sequence number that no log reaches.
NOTHING_AFTER = 10**12


class DemoFailed(RuntimeError):
    """The demo met an answer that it must not meet."""


def _checked(answer: requests.Response) -> Any:
    if answer.status_code >= 400:
        raise DemoFailed(
            f"{answer.request.method} {answer.url.split('?')[0]}: {answer.status_code} {answer.text[:500]}"
        )
    return answer.json() if answer.content else {}


@dataclass(frozen=True)
class Control:
    """The sandbox's control port: time, faults, and the log of what both systems were asked."""

    url: str

    def ready(self) -> dict[str, Any]:
        """Addresses and credentials of the sandbox."""
        return dict(_checked(requests.get(f"{self.url}/ready", timeout=TIMEOUT_S)))

    def move_clock(self, to: str) -> None:
        """Business time is ``to``; all that fell due was billed, collected and delivered once."""
        _checked(requests.post(f"{self.url}/clock", params={"deliver": 1}, json={"now": to}, timeout=(3, 300)))

    def log(self, after: int = 0, *, brief: bool = False, effect: bool = False) -> Iterator[dict[str, Any]]:
        """The exchanges after this sequence number; ``brief`` leaves out what was sent and answered, ``effect`` those
        that changed nothing.
        """
        params = {"after": after, "brief": int(brief), "effect": int(effect)}
        with requests.get(f"{self.url}/log", params=params, timeout=TIMEOUT_S, stream=True) as answer:
            for line in answer.iter_lines():
                if line.strip():
                    record: dict[str, Any] = json.loads(line)
                    if record["seq"] > after:
                        yield record

    def last_exchange(self) -> int:
        """The sequence number of the last exchange so far; 0 where there was none."""
        answer = requests.get(f"{self.url}/log", params={"after": NOTHING_AFTER}, timeout=TIMEOUT_S)
        _checked(answer)
        return int(answer.headers["X-Tandem-Last-Seq"])


class Crm:
    """Salesforce, as reps and admins use it."""

    def __init__(self, ready: Mapping[str, Any]) -> None:
        crm = ready["salesforce"]
        self._http = requests.Session()
        self._http.trust_env = False  # the sandbox is on this machine: no proxy is in between
        self._http.headers.update(HARNESS)
        grant = {
            "grant_type": "client_credentials",
            "client_id": crm["client_id"],
            "client_secret": crm["client_secret"],
        }
        token = _checked(self._http.post(crm["token_url"], data=grant, timeout=TIMEOUT_S))
        self._http.headers["Authorization"] = f"Bearer {token['access_token']}"
        self._base = f"{crm['url']}/services/data/v{crm['api_version']}"

    def create(self, sobject: str, **fields: Any) -> str:
        """The id of a new record."""
        return str(_checked(self._http.post(f"{self._base}/sobjects/{sobject}", json=fields, timeout=TIMEOUT_S))["id"])

    def create_all(self, sobject: str, records: Sequence[Mapping[str, Any]]) -> list[str]:
        """The ids of many new records, in order."""
        return [str(one["id"]) for one in self._collections("POST", sobject, records)]

    def change_all(self, sobject: str, records: Sequence[Mapping[str, Any]]) -> None:
        """Each record, named by its ``Id``, has these values now."""
        self._collections("PATCH", sobject, records)

    def _collections(self, method: str, sobject: str, records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        results: list[dict[str, Any]] = []
        for first in range(0, len(records), RECORDS_A_CALL):
            some = [{"attributes": {"type": sobject}, **one} for one in records[first : first + RECORDS_A_CALL]]
            body = {"allOrNone": True, "records": some}
            results += _checked(
                self._http.request(method, f"{self._base}/composite/sobjects", json=body, timeout=TIMEOUT_S)
            )
        if refused := next((one for one in results if not one["success"]), None):
            raise DemoFailed(f"{method} {sobject}: {refused['errors']}")
        return results

    def change(self, sobject: str, record_id: str, **fields: Any) -> None:
        """The record has these values now."""
        _checked(self._http.patch(f"{self._base}/sobjects/{sobject}/{record_id}", json=fields, timeout=TIMEOUT_S))

    def query(self, soql: str) -> list[dict[str, Any]]:
        """All rows of a query."""
        answer = _checked(self._http.get(f"{self._base}/query", params={"q": soql}, timeout=TIMEOUT_S))
        rows: list[dict[str, Any]] = answer["records"]
        while not answer["done"]:
            answer = _checked(
                self._http.get(self._base.split("/services")[0] + answer["nextRecordsUrl"], timeout=TIMEOUT_S)
            )
            rows += answer["records"]
        return rows

    def product(
        self, name: str, *, currencies: Sequence[str], charge: str | None = "Recurring", period: str | None = "Month"
    ) -> dict[str, str]:
        """A product that can be sold in these currencies: currency -> price book entry id, and the product under ``id``."""
        product = self.create("Product2", Name=name, IsActive=True, Charge_Type__c=charge, Price_Period__c=period)
        book = self.query("SELECT Id FROM Pricebook2 WHERE IsStandard = true")[0]["Id"]
        entries = {
            c: self.create(
                "PricebookEntry", Pricebook2Id=book, Product2Id=product, UnitPrice=1, IsActive=True, CurrencyIsoCode=c
            )
            for c in currencies
        }
        return {"id": product, "book": book, **entries}

    def quote(
        self,
        name: str,
        account: str,
        currency: str,
        lines: Sequence[tuple[Mapping[str, str], int, str, Mapping[str, Any]]],
        **fields: Any,
    ) -> str:
        """A drafted quote with lines (product, quantity, price, more fields); returns its id."""
        opportunity = self.create(
            "Opportunity",
            Name=name,
            AccountId=account,
            StageName="Negotiation/Review",
            CloseDate="2026-01-31",
            CurrencyIsoCode=currency,
        )
        book = {"Pricebook2Id": lines[0][0]["book"]} if lines else {}
        quote = self.create("Quote", Name=name, OpportunityId=opportunity, **book, **fields)
        for product, quantity, price, more in lines:
            self.create(
                "QuoteLineItem",
                QuoteId=quote,
                PricebookEntryId=product[currency],
                Quantity=quantity,
                UnitPrice=price,
                **more,
            )
        return quote

    def accept(self, *quotes: str) -> None:
        """The customer signed."""
        for quote in quotes:
            self.change("Quote", quote, Status="Accepted")


class Stripe:
    """Stripe, as customers on the web site and the finance team use it."""

    def __init__(self, ready: Mapping[str, Any]) -> None:
        self._http = requests.Session()
        self._http.trust_env = False  # the sandbox is on this machine: no proxy is in between
        self._http.headers.update({**HARNESS, "Authorization": f"Bearer {ready['stripe']['api_key']}"})
        self._base = ready["stripe_url"]

    def post(self, path: str, **params: Any) -> dict[str, Any]:
        """What Stripe answers to a write; nested parameters are written ``{"items[0][price]": ...}``."""
        return dict(
            _checked(self._http.post(f"{self._base}/v1/{path}", data=params.pop("form", params), timeout=TIMEOUT_S))
        )

    def delete(self, path: str) -> dict[str, Any]:
        """What Stripe answers for what is gone."""
        return dict(_checked(self._http.delete(f"{self._base}/v1/{path}", timeout=TIMEOUT_S)))

    def get(self, path: str, **params: Any) -> dict[str, Any]:
        """One object or a page of them."""
        return dict(_checked(self._http.get(f"{self._base}/v1/{path}", params=params, timeout=TIMEOUT_S)))

    def all(self, path: str, **params: Any) -> list[dict[str, Any]]:
        """Every object of a list, newest first."""
        page = self.get(path, limit=100, **params)
        rows: list[dict[str, Any]] = page["data"]
        while page["has_more"]:
            page = self.get(path, limit=100, starting_after=rows[-1]["id"], **params)
            rows += page["data"]
        return rows

    def sign_up(self, name: str, email: str, *, seats: int, card: str) -> dict[str, Any]:
        """A customer of the web site with a card on file and a monthly plan of 39.00 a seat; returns the subscription."""
        customer = self.post("customers", name=name, email=email)
        method = self.post(f"payment_methods/{card}/attach", customer=customer["id"])
        default = {"invoice_settings[default_payment_method]": method["id"]}
        self.post(f"customers/{customer['id']}", form=default)
        price = self._web_price()
        return self.post(
            "subscriptions", form={"customer": customer["id"], "items[0][price]": price, "items[0][quantity]": seats}
        )

    def _web_price(self) -> str:
        found = self.get("prices", **{"lookup_keys[0]": "web-starter"})["data"]
        if found:
            return str(found[0]["id"])
        product = self.post("products", name="Starter (web)")
        terms = {
            "product": product["id"], "currency": "usd", "unit_amount": 3900, "recurring[interval]": "month", "lookup_key": "web-starter",
        }  # fmt: skip
        return str(self.post("prices", form=terms)["id"])
