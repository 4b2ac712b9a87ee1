"""What both APIs say at the end, side by side: nothing here comes from Tandem's own memory."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.table import Table

from workers.demo.stage import Stage
from workers.demo.story import Told

STATUS = {"draft": "Draft", "open": "Open", "paid": "Paid", "void": "Void", "uncollectible": "Uncollectible"}
NO_DECIMALS = frozenset({"JPY"})  # of the currencies in the story

Row = dict[str, Any]


def both_sides(here: Stage) -> dict[str, list[Row]]:
    """Subscriptions and invoices: what Salesforce shows beside what Stripe has, matched by Stripe's id."""
    return {"subscriptions": _subscriptions(here), "invoices": _invoices(here)}


def _subscriptions(here: Stage) -> list[Row]:
    stripe = {s["id"]: s for s in here.stripe.all("subscriptions", status="all")}
    shown = here.crm.query(
        "SELECT Account__r.Name, Quote__r.Name, Quote__r.Billing_Status__c, Channel__c, Status__c, Currency__c, Quantity__c, MRR__c, "
        "Stripe_Id__c, End_Date__c FROM Billing_Subscription__c ORDER BY Channel__c, Account__r.Name"
    )
    rows = []
    for one in shown:
        theirs = stripe.pop(one["Stripe_Id__c"], None)
        quote = one.get("Quote__r") or {}
        rows.append(
            {
                "account": one["Account__r"]["Name"],
                "quote": quote.get("Billing_Status__c"),
                "channel": one["Channel__c"],
                "crm": one["Status__c"],
                "mrr": _major(one["MRR__c"], one["Currency__c"]),
                "stripe": theirs["status"] if theirs else None,
                "stripe_id": one["Stripe_Id__c"],
                "crm_seats": int(one["Quantity__c"] or 0),
                "stripe_seats": sum(i["quantity"] for i in theirs["items"]["data"]) if theirs else None,
            }
        )
    rows += [{"account": None, "crm": None, "stripe": s["status"], "stripe_id": s["id"]} for s in stripe.values()]
    return rows


def _invoices(here: Stage) -> list[Row]:
    stripe = {i["id"]: i for i in here.stripe.all("invoices")}
    shown = here.crm.query(
        "SELECT Account__r.Name, Number__c, Status__c, Currency__c, Total__c, Amount_Remaining__c, Due_On__c, Failure__c, Stripe_Id__c "
        "FROM Billing_Invoice__c ORDER BY Account__r.Name, Issued_On__c, Number__c"
    )
    rows = []
    for one in shown:
        theirs = stripe.pop(one["Stripe_Id__c"], None)
        currency = one["Currency__c"]
        rows.append(
            {
                "account": one["Account__r"]["Name"],
                "number": one["Number__c"],
                "crm": one["Status__c"],
                "crm_total": _major(one["Total__c"], currency),
                "stripe": STATUS.get(theirs["status"], theirs["status"]) if theirs else None,
                "stripe_total": _from_minor(theirs["total"], currency) if theirs else None,
                "crm_remaining": _major(one["Amount_Remaining__c"], currency),
                "stripe_remaining": _from_minor(theirs["amount_remaining"], currency) if theirs else None,
                "due": one["Due_On__c"],
                "failure": one["Failure__c"],
                "stripe_id": one["Stripe_Id__c"],
            }
        )
    rows += [{"account": None, "crm": None, "stripe": i["status"], "stripe_id": i["id"]} for i in stripe.values()]
    return rows


def problems(sides: dict[str, list[Row]], told: Told) -> list[str]:
    """Everything that is not on both sides, or not alike, and every part of the story that left no trace."""
    found = []
    for row in sides["subscriptions"]:
        if row["crm"] is None or row["stripe"] is None:
            found.append(f"subscription {row['stripe_id']} is on one side only")
        elif row["crm"].lower().replace(" ", "_") != row["stripe"] or row["crm_seats"] != row["stripe_seats"]:
            found.append(
                f"subscription {row['stripe_id']}: {row['crm']}, {row['crm_seats']} seats against {row['stripe']}, {row['stripe_seats']}"
            )
    for row in sides["invoices"]:
        if row["crm"] is None or row["stripe"] is None:
            found.append(f"invoice {row['stripe_id']} is on one side only")
        elif (row["crm"], row["crm_total"], row["crm_remaining"]) != (
            row["stripe"],
            row["stripe_total"],
            row["stripe_remaining"],
        ):
            found.append(
                f"invoice {row['number']}: {row['crm']} {row['crm_total']} against {row['stripe']} {row['stripe_total']}"
            )
    channels = [row.get("channel") for row in sides["subscriptions"]]
    if (channels.count("Sales-Led"), channels.count("Self-Serve")) != (len(told.quotes) - 1, 2):
        found.append(f"expected {len(told.quotes) - 1} sales-led and 2 self-serve subscriptions, there are {channels}")
    if not any(row.get("failure") for row in sides["invoices"]):
        found.append("no failed payment shows in the CRM")
    return found


def show(console: Console, sides: dict[str, list[Row]]) -> None:
    """Both sides as two tables."""
    table = Table(title="\nSubscriptions, as the two APIs answer", title_justify="left")
    for name in ("Account", "Quote", "Channel", "Salesforce: status, seats, MRR", "Stripe"):
        table.add_column(name)
    for row in sides["subscriptions"]:
        crm = f"{row['crm']}, {row.get('crm_seats')}, {row.get('mrr')}"
        table.add_row(
            *map(
                _text,
                (
                    row.get("account"),
                    row.get("quote"),
                    row.get("channel"),
                    crm,
                    f"{row['stripe']}, {row.get('stripe_seats')}",
                ),
            )
        )
    console.print(table)
    table = Table(title="\nInvoices, as the two APIs answer", title_justify="left")
    for name in ("Account", "Number", "Salesforce: status, total, due", "Stripe"):
        table.add_column(name)
    for row in sides["invoices"]:
        due = f", {row['due']}" if row.get("due") else ""
        failure = f"\n{row['failure']}" if row.get("failure") else ""
        crm = f"{row['crm']}, {row.get('crm_total')}{due}{failure}"
        table.add_row(
            *map(_text, (row.get("account"), row.get("number"), crm, f"{row['stripe']}, {row.get('stripe_total')}"))
        )
    console.print(table)


def _text(value: object) -> str:
    return "-" if value is None else str(value)


def _major(value: object, currency: str) -> str:
    digits = 0 if currency in NO_DECIMALS else 2
    return f"{Decimal(str(value)).quantize(Decimal(1).scaleb(-digits))} {currency}"


def _from_minor(value: int, currency: str) -> str:
    return _major(Decimal(value).scaleb(0 if currency in NO_DECIMALS else -2), currency)
