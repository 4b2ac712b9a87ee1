"""Fresh invoices of known customers, their events, how many calls they cost, and whether the CRM ended right."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workers.demo.actors import Crm, Stripe

#: What happens to an invoice, and is told of it.
TYPES = ("invoice.created", "invoice.finalized", "invoice.paid")
INVOICES = 334
MOST_SALESFORCE_CALLS = 10
MOST_STRIPE_CALLS = 340
#: How Tandem names itself in the traffic log.
TANDEM = "Tandem/"


@dataclass(frozen=True)
class Calls:
    """Calls by Tandem; ``standing`` are the ones that it makes whether or not anything happened: polls, log-ins, start-up."""

    stripe: int
    salesforce: int
    standing: int

    @property
    def good(self) -> bool:
        """Whether both are within what a thousand invoice events may cost."""
        return self.stripe <= MOST_STRIPE_CALLS and self.salesforce <= MOST_SALESFORCE_CALLS


def customers(stripe: Stripe, count: int) -> list[tuple[str, str]]:
    """So many customers of the web site, each with a card and a plan that began now: (customer, subscription)."""
    made = [stripe.sign_up(f"Web {n}", f"web{n}@web{n}.example", seats=1, card="pm_card_visa") for n in range(count)]
    return [(s["customer"], s["id"]) for s in made]


def make_invoices(stripe: Stripe, known: Sequence[tuple[str, str]], count: int, *, first: int = 0) -> list[str]:
    """So many invoices, in turn for each customer from number ``first``, made, finalised and paid by card; their ids."""
    ids = []
    for number in range(first, first + count):
        customer, subscription = known[number % len(known)]
        terms = {"customer": customer, "subscription": subscription, "auto_advance": "false"}
        invoice = stripe.post("invoices", form={**terms, "pending_invoice_items_behavior": "exclude"})["id"]
        item = {"customer": customer, "invoice": invoice, "currency": "usd", "amount": 1000 + number}
        stripe.post("invoiceitems", form=item)
        stripe.post(f"invoices/{invoice}/finalize")
        stripe.post(f"invoices/{invoice}/pay")
        ids.append(invoice)
    return ids


def events_of(stripe: Stripe, invoices: Iterable[str]) -> list[dict[str, Any]]:
    """The three events of each invoice, in the order in which they happened."""
    wanted = set(invoices)
    found = [e for type_ in TYPES for e in stripe.all("events", type=type_) if e["data"]["object"]["id"] in wanted]
    newest_first = {e["id"]: n for n, e in enumerate(stripe.all("events"))}
    return sorted(found, key=lambda e: -newest_first[e["id"]])


def shuffled(events: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same events in no order, the same at each run."""
    mixed = list(events)
    random.Random(334).shuffle(mixed)
    return mixed


def calls_in(log: Iterable[Mapping[str, Any]]) -> Calls:
    """What Tandem asked of both sides in this part of the traffic log."""
    counted = {"stripe": 0, "salesforce": 0, "standing": 0}
    for line in log:
        if line["client"].startswith(TANDEM):
            counted["standing" if is_standing(line) else line["system"]] += 1
    return Calls(**counted)


def is_standing(line: Mapping[str, Any]) -> bool:
    """Whether this call only looks for something to do, logs in, or is what every process asks as it starts (who am I,
    which fields are there). An idle Tandem makes the same ones.
    """
    if line["system"] == "stripe":
        return line["path"] in ("/v1/events", "/v1/account")
    if line["path"].endswith("/oauth2/token"):
        return True
    params = line["params"] if isinstance(line["params"], Mapping) else {}
    urls = [p["url"] if p["method"] == "GET" else "" for p in params.get("compositeRequest") or []]
    return bool(urls) and all("SystemModstamp" in url or url.endswith("/describe") for url in urls)


def wrong_states(crm: Crm, stripe: Stripe, invoices: Sequence[str]) -> list[str]:
    """Invoices whose row, or whose payment's row, is not what Stripe says now; none when all is right."""
    now = {i["id"]: i for i in stripe.all("invoices")}
    fields = "Stripe_Id__c, Status__c, Total__c, Amount_Paid__c, Amount_Remaining__c"
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in crm.query(f"SELECT {fields} FROM Billing_Invoice__c"):
        rows.setdefault(row["Stripe_Id__c"], []).append(row)
    paid: dict[str, int] = {}
    for row in crm.query("SELECT Billing_Invoice__r.Stripe_Id__c FROM Billing_Payment__c WHERE Type__c = 'Payment'"):
        invoice = row["Billing_Invoice__r"]["Stripe_Id__c"]
        paid[invoice] = paid.get(invoice, 0) + 1
    return [i for i in invoices if not _is_right(now[i], rows.get(i, []), paid.get(i, 0))]


def _is_right(invoice: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], payments: int) -> bool:
    if len(rows) != 1 or payments != 1 or invoice["status"] != "paid":
        return False
    told = [round(rows[0][name] * 100) for name in ("Total__c", "Amount_Paid__c", "Amount_Remaining__c")]
    is_now = [invoice["total"], invoice["amount_paid"], invoice["amount_remaining"]]
    return rows[0]["Status__c"] == "Paid" and told == is_now
