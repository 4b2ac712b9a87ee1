"""A world with two months of history, built in bulk: half of the customers bought on the web site, half from a rep; and
differences planted in it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import psycopg
import requests

from benchmarks.town import Town

BEGINS, ENDS = "2026-01-05T00:00:00Z", "2026-03-06T02:00:00Z"
#: Where the clock stops on its way, so that no answer takes minutes.
STOPS = ("2026-02-05T00:00:00Z", "2026-02-06T02:00:00Z", "2026-03-05T00:00:00Z", ENDS)
TERMS = {"Start_Date__c": "2026-01-05", "Term_Months__c": 12, "Billing_Frequency__c": "Monthly"}
PLANTED = 50
#: Processes that bill the quotes side by side.
DRAINS = 2


def history(place: Town, customers: int, say: Callable[[str], None]) -> list[str]:
    """Two months of it: deals that Tandem billed, and plans that it never saw. Returns the Accounts, those of deals first."""
    began = time.monotonic()

    def told(line: str) -> None:
        say(f"{time.monotonic() - began:7.1f} s  {line}")

    place.control.move_clock(BEGINS)
    half = customers // 2
    accounts = _accounts(place, [f"s{n}" for n in range(half)] + [f"w{n}" for n in range(customers - half)])
    told(f"{len(accounts)} Accounts")
    quotes = _quotes(place, accounts[:half])
    place.crm.change_all("Quote", [{"Id": quote, "Status": "Accepted"} for quote in quotes])
    told(f"{len(quotes)} signed quotes")
    place.drain(at_once=DRAINS)
    told("billed")
    for n in range(customers - half):
        place.stripe.sign_up(f"w{n}", f"ap@w{n}.example", seats=1 + n % 9, card="pm_card_visa")
    told(f"{customers - half} customers of the web site")
    for stop in STOPS:
        place.control.move_clock(stop)
        told(f"it is {stop}")
    return accounts


def _accounts(place: Town, names: Sequence[str]) -> list[str]:
    return place.crm.create_all(
        "Account",
        [
            {"Name": name, "Website": f"https://{name}.example", "Billing_Email__c": f"ap@{name}.example"}
            for name in names
        ],
    )


def _quotes(place: Town, accounts: Sequence[str]) -> list[str]:
    """A drafted quote for each Account, 5 to 11 seats a month."""
    crm, seat = place.crm, place.crm.product("Seat", currencies=["USD"])
    stage = {"StageName": "Negotiation/Review", "CloseDate": "2026-01-31", "CurrencyIsoCode": "USD"}
    deals = crm.create_all("Opportunity", [{"Name": "Deal", "AccountId": a, **stage} for a in accounts])
    about = {"Name": "Deal", "Pricebook2Id": seat["book"], **TERMS}
    quotes = crm.create_all("Quote", [{"OpportunityId": deal, **about} for deal in deals])
    line = {"PricebookEntryId": seat["USD"], "UnitPrice": "50.00"}
    crm.create_all("QuoteLineItem", [{"QuoteId": q, "Quantity": 5 + n % 7, **line} for n, q in enumerate(quotes)])
    return quotes


def plant(place: Town, accounts: Sequence[str]) -> dict[str, str]:
    """Differences of twelve kinds, each on an Account of its own; returns what was planted, by Account."""
    crm, half = place.crm, len(accounts) // 2
    sold, bought = list(accounts[:half]), list(accounts[half:])

    def row_of(sobject: str, account: str) -> str:
        return str(crm.query(f"SELECT Id FROM {sobject} WHERE Account__c = '{account}' ORDER BY Id LIMIT 1")[0]["Id"])

    def schedule_quantity(account: str) -> None:
        row = crm.query(f"SELECT Stripe_Ids__c FROM Billing_Subscription__c WHERE Account__c = '{account}'")[0]
        plan = place.stripe.get(f"subscriptions/{row['Stripe_Ids__c'].partition(',')[0]}")
        item = plan["items"]["data"][0]["id"]
        place.stripe.post(f"subscription_items/{item}", quantity=1, proration_behavior="none")

    def paused(account: str) -> None:
        crm.change("Billing_Subscription__c", row_of("Billing_Subscription__c", account), Status__c="Paused")

    def unlinked(account: str) -> None:
        with store_of(place) as store:
            store.execute("DELETE FROM links WHERE salesforce_id = %s AND stripe_kind = 'customer'", (account,))

    def orphan(account: str) -> None:
        crm.create(
            "Billing_Invoice__c",
            Billing_Key__c=f"in_none{account}",
            Account__c=account,
            Status__c="Paid",
            Currency__c="USD",
        )

    def of_quote(account: str, column: str) -> str:
        return str(crm.query(f"SELECT {column} FROM Quote WHERE AccountId = '{account}' LIMIT 1")[0][column])

    def line_amount(account: str) -> None:
        quote = of_quote(account, "Id")
        line = crm.query(f"SELECT Id FROM QuoteLineItem WHERE QuoteId = '{quote}' LIMIT 1")[0]["Id"]
        crm.change("QuoteLineItem", line, Contract_Amount__c=1)

    def second_subscription(account: str) -> None:
        row = crm.query(f"SELECT Stripe_Ids__c FROM Billing_Subscription__c WHERE Account__c = '{account}'")[0]
        plan = place.stripe.get(f"subscriptions/{row['Stripe_Ids__c'].partition(',')[0]}")
        told = {f"metadata[{name}]": value for name, value in plan["metadata"].items()}
        price = {"items[0][price]": plan["items"]["data"][0]["price"]["id"]}
        terms = {"customer": plan["customer"], "collection_method": "send_invoice", "days_until_due": 30}
        place.stripe.post("subscriptions", form={**terms, **price, **told})

    acts: list[tuple[str, list[str], Callable[[str], object]]] = [
        ("MRR on the Account", bought, lambda a: crm.change("Account", a, MRR__c=1)),
        ("health on the Account", sold, lambda a: crm.change("Account", a, Billing_Health__c="Canceled")),
        ("amount of an invoice", bought, lambda a: crm.change("Billing_Invoice__c", row_of("Billing_Invoice__c", a), Total__c=1)),
        ("invoice deleted", sold, lambda a: _delete(place, "Billing_Invoice__c", row_of("Billing_Invoice__c", a))),
        ("status of a subscription", bought, paused),
        ("row of nothing", bought, orphan),
        ("quantity in Stripe", sold, schedule_quantity),
        ("link lost", sold, unlinked),
        ("note on the Opportunity", sold, lambda a: crm.change("Opportunity", of_quote(a, "OpportunityId"), Billing_Note__c="?")),
        ("total of a quote", sold, lambda a: crm.change("Quote", of_quote(a, "Id"), Contract_Total__c=1)),
        ("amount of a line", sold, line_amount),
        ("two live subscriptions", sold, second_subscription),
    ]  # fmt: skip
    planted: dict[str, str] = {}
    for number in range(min(PLANTED, len(accounts) // 2)):
        name, among, act = acts[number % len(acts)]
        account = among.pop()
        act(account)
        planted[account] = name
    return planted


def _delete(place: Town, sobject: str, id: str) -> None:
    crm: Any = place.crm
    answer: requests.Response = crm._http.delete(f"{crm._base}/sobjects/{sobject}/{id}", timeout=30)
    answer.raise_for_status()


def store_of(place: Town) -> psycopg.Connection[Any]:
    return psycopg.connect(place.environment["DATABASE_URL"].replace("postgresql+psycopg://", "postgresql://", 1))
