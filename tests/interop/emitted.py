"""What Tandem says to Salesforce when it does all that it can: every SOQL text and every field that it writes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from sync.clock import Deadline
from sync.crm import CrmRow
from sync.ports import OutRow
from tests.e2e.looks import everything_due
from tests.e2e.people import sell
from tests.e2e.sandbox import Exchange, World
from tests.e2e.tandem import Tandem


@dataclass
class Emitted:
    """``queries`` are distinct texts; ``written`` the fields written, by object."""

    queries: set[str] = field(default_factory=set)
    written: dict[str, set[str]] = field(default_factory=dict)


def live_a_while(world: World, tandem: Tandem) -> None:
    """Quotes right and wrong, a self-serve customer made an Account, a late payer, deletions, changes read page after page."""
    world.at("2026-02-20")
    seat = world.crm.product("Seat", currencies=["USD"])
    fee = world.crm.product("Fee", currencies=["USD"], charge="One-Time", period=None)
    account = world.crm.create(
        "Account", Name="Acme Ltd", Website="https://acme.example", Billing_Email__c="ap@acme.example"
    )
    header = {"Start_Date__c": "2026-03-01", "Term_Months__c": 12, "Billing_Frequency__c": "Monthly"}
    sell(world.crm, [(seat, 3, "50.00", {"Discount": 10}), (fee, 1, "99.00", {})], account=account, **header)
    sell(world.crm, [(seat, 3, "50.00", {})], account=world.crm.create("Account", Name="No Mail"), **header)
    world.stripe.sign_up("Walk-in", "walk-in@shop.example", seats=2, card="pm_card_visa")
    tandem.drain()
    world.at("2026-03-01T02:00")
    tandem.drain()
    changed = world.crm.row("Product2", "Id", "Name = 'Seat'")["Id"]
    world.crm.change("Product2", changed, Description="Changed")
    dropped = world.crm.quote("Dropped", account, "USD", [(seat, 1, "5.00", {})], **header)
    tandem.drain()
    world.crm.delete("Quote", dropped)
    world.at("2026-04-20T02:00")
    tandem.drain()
    everything_due(tandem)
    settled_or_failed = tandem.drain()
    assert not settled_or_failed.waiting, settled_or_failed
    _ask_everything(world, tandem, account)


def _ask_everything(world: World, tandem: Tandem, account: str) -> None:
    """Every read of the gateway once, also those that the story above did not need, with values that have to be quoted."""
    org = tandem.services.salesforce
    deals = [row["Id"] for row in world.crm.rows("Opportunity", "Id")]
    org.quotes([row["Id"] for row in world.crm.rows("Quote", "Id")])
    world.crm.change("Product2", world.crm.row("Product2", "Id", "Name = 'Seat'")["Id"], Tier_Mode__c="Graduated")
    org.quotes([row["Id"] for row in world.crm.rows("Quote", "Id")])
    org.quotes_of_deal(deals)
    org.deal_quotes(["0Q0000000000001AAA", "o'brien\\"])
    org.accounts([account])
    org.find_accounts(
        stripe_customer_ids=["cus_1", "cus_2"], emails=["o'brien@acme.example", "back\\slash@acme.example"]
    )
    org.probe_writes()
    quote = world.crm.rows("Quote", "Id")[0]["Id"]
    told = CrmRow("Task", "Subject", "O'Brien's \\ quote - DATA-230", {"WhatId": quote, "Status": "Not Started"}, quote)
    assert org.flush([OutRow(0, told, "", 0, 1)], Deadline(30))[0][0].ok
    for heat in ("hot", "cold"):
        cursor: Mapping[str, object] | None = None
        for _ in range(3):
            cursor = org.changes(heat, cursor).cursor
        org.changes(heat, org.rewound(cursor, 300))


def collect(exchanges: list[Exchange]) -> Emitted:
    """What Tandem asked and wrote in these exchanges."""
    found = Emitted()
    for exchange in exchanges:
        if exchange.by_tandem and exchange.system == "salesforce":
            for method, path, body in _requests(exchange):
                _take(found, method, path, body)
    return found


def _requests(exchange: Exchange) -> Iterator[tuple[str, str, Any]]:
    """The request itself, or each part of a Composite."""
    parts = exchange.params.get("compositeRequest") if isinstance(exchange.params, Mapping) else None
    if parts is None:
        yield exchange.method, exchange.path, exchange.params
        return
    for part in parts:
        yield part["method"], part["url"], part.get("body")


def _take(found: Emitted, method: str, path: str, body: Any) -> None:
    parts = urlsplit(path)
    name = parts.path.rpartition("/")[2]
    if name in ("query", "queryAll"):
        asked = parse_qs(parts.query).get("q") or [body["q"]]
        found.queries.update(asked)
    elif ("/sobjects/" in parts.path and method in ("POST", "PATCH")) or name == "sobjects":
        for record in (body or {}).get("records", [body] if body else []):
            sobject = (record.get("attributes") or {}).get("type") or _object_of(parts.path)
            found.written.setdefault(sobject, set()).update(k for k in record if k != "attributes")


def _object_of(path: str) -> str:
    return unquote(path.partition("/sobjects/")[2].split("/")[0])
