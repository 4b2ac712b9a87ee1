"""A rep in Salesforce, with amounts as Decimals and with the names of an org that has the package under a namespace."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import requests

from workers.demo.actors import TIMEOUT_S, Crm

CUSTOM = re.compile(r"(?<![A-Za-z0-9_])([A-Za-z0-9_]+?__[cr])\b")
Line = tuple[Mapping[str, str], Any, str, Mapping[str, Any]]
REFUSED = 400


class Rep(Crm):
    """Writes and reads records under the names without a namespace, whatever the org calls them."""

    def __init__(self, ready: Mapping[str, Any], namespace: str = "") -> None:
        super().__init__(ready)
        self._prefix = f"{namespace}__" if namespace else ""

    def create(self, sobject: str, **fields: Any) -> str:
        return super().create(self._to_org(sobject), **{self._to_org(k): v for k, v in fields.items()})

    def change(self, sobject: str, record_id: str, **fields: Any) -> None:
        super().change(self._to_org(sobject), record_id, **{self._to_org(k): v for k, v in fields.items()})

    def delete(self, sobject: str, record_id: str) -> None:
        """The record is in the recycle bin."""
        url = f"{self._base}/sobjects/{self._to_org(sobject)}/{record_id}"
        answer = self._http.delete(url, timeout=TIMEOUT_S)
        assert answer.status_code == 204, answer.text

    def refused(self, sobject: str, record_id: str, **fields: Any) -> str:
        """The error code with which Salesforce refuses this change."""
        url = f"{self._base}/sobjects/{self._to_org(sobject)}/{record_id}"
        answer = self._http.patch(url, json={self._to_org(k): v for k, v in fields.items()}, timeout=TIMEOUT_S)
        assert answer.status_code == REFUSED, answer.text
        return str(answer.json()[0]["errorCode"])

    def query(self, soql: str) -> list[dict[str, Any]]:
        """All rows, without their ``attributes``; numbers are Decimals."""
        answer = self._get(f"{self._base}/query", {"q": self._to_org(soql)})
        rows = list(answer["records"])
        while not answer["done"]:
            answer = self._get(self._base.partition("/services")[0] + answer["nextRecordsUrl"], {})
            rows += answer["records"]
        return [self._plain(row) for row in rows]

    def rows(self, sobject: str, fields: str, where: str = "", order: str = "") -> list[dict[str, Any]]:
        """These fields (separated by spaces) of the records that match."""
        soql = f"SELECT {', '.join(fields.split())} FROM {sobject}"
        soql += f" WHERE {where}" if where else ""
        return self.query(soql + (f" ORDER BY {order}" if order else ""))

    def row(self, sobject: str, fields: str, where: str = "") -> dict[str, Any]:
        """The one record that matches."""
        [row] = self.rows(sobject, fields, where)
        return row

    def _get(self, url: str, params: Mapping[str, str]) -> dict[str, Any]:
        answer: requests.Response = self._http.get(url, params=params, timeout=TIMEOUT_S)
        assert answer.status_code < REFUSED, answer.text
        found: dict[str, Any] = answer.json(parse_float=Decimal)
        return found

    def _to_org(self, text: str) -> str:
        return CUSTOM.sub(rf"{self._prefix}\1", text) if self._prefix else text

    def _plain(self, row: Mapping[str, Any]) -> dict[str, Any]:
        return {
            key.removeprefix(self._prefix): self._plain(value) if isinstance(value, Mapping) else value
            for key, value in row.items()
            if key != "attributes"
        }


def sell(rep: Rep, lines: Sequence[Line], *, account: str | None = None, currency: str = "USD", **header: Any) -> str:
    """A signed quote; returns its id. Without an account one is made, with a billing e-mail. ``header`` are fields of the quote."""
    payer = account or rep.create("Account", Name="Acme Ltd", Billing_Email__c="ap@acme.example")
    quote = rep.quote(f"Quote {currency}", payer, currency, lines, **header)
    rep.accept(quote)
    return quote


def change(rep: Rep, deal: str, lines: Sequence[Line] = (), *, kind: str = "Amendment", **header: Any) -> str:
    """A signed quote that changes, ends or renews the deal that the quote ``deal`` made; returns its id."""
    quote = draft_change(rep, deal, lines, kind=kind, **header)
    rep.accept(quote)
    return quote


def draft_change(rep: Rep, deal: str, lines: Sequence[Line] = (), *, kind: str = "Amendment", **header: Any) -> str:
    """As `change`, not signed yet."""
    row = rep.row("Billing_Subscription__c", "Id Account__c Currency__c", f"Billing_Key__c = '{deal}'")
    return rep.quote(
        f"{kind} of {deal}", row["Account__c"], row["Currency__c"], lines,
        Quote_Type__c=kind, Billing_Subscription__c=row["Id"], **header,
    )  # fmt: skip
