"""Use that two things of one customer would bill: refused where a quote brings it, told where a plan was bought."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.book import Book
from tests.e2e.looks import changes_nothing, quote_row, settled
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

pytestmark = pytest.mark.long

ISSUE = "Billing_Issue__c"
MONTHLY: dict[str, Any] = {"Billing_Frequency__c": "Monthly", "Days_Until_Due__c": 900}


def test_each_use_is_billed_once_whatever_a_customer_signs_and_buys(world: World, tandem: Tandem) -> None:
    world.at("2026-01-10")
    book = Book(world, tandem)
    call = book.by_use("call", [(None, "0.50", None)])
    book.sell("acme", [(call, 1, "0", {})], card=True, Start_Date__c="2026-01-11", Term_Months__c=12, **MONTHLY)
    settled(tandem)
    customer, account = book.customer("acme"), book.accounts["acme"]

    march = {"Start_Date__c": "2026-03-11", "Term_Months__c": 12, **MONTHLY}
    second = world.crm.quote("Second", account, "USD", [(call, 1, "0", {})], Billing_Request__c="Check", **march)
    before = (world.stripe.all("subscription_schedules"), world.stripe.all("prices"))
    tandem.drain()
    told = 'counts "call" from 11 Mar 2026 to 10 Jan 2027, and Quote'
    row = quote_row(world, second)
    assert told in (row["Billing_Message__c"] or "") + (row["Billing_Preview__c"] or "")
    world.crm.accept(second)
    tandem.drain()
    assert told in quote_row(world, second)["Billing_Message__c"]
    assert quote_row(world, second)["Billing_Code__c"] == "DATA-237"
    assert (world.stripe.all("subscription_schedules"), world.stripe.all("prices")) == before

    book.change("acme", kind="Cancellation", Start_Date__c="2026-03-11", Credit_Policy__c="None")
    settled(tandem)
    assert quote_row(world, second)["Billing_Status__c"] == "Scheduled", "it went on by itself"
    changes_nothing(tandem)

    # The customer buys on the web site what two deals have signed already.
    world.at("2026-02-15")
    price = next(p["id"] for p in world.stripe.all("prices") if p["recurring"]["usage_type"] == "metered")
    bought = {"customer": customer, "items[0][price]": price, "cancel_at_period_end": "false"}
    plan = world.stripe.post("subscriptions", form=bought)["id"]
    settled(tandem)
    [issue] = world.crm.rows(ISSUE, "Status__c Detail__c Quote__c", "Code__c = 'DATA-237'")
    assert (issue["Status__c"], plan in issue["Detail__c"]) == ("Open", True)
    report = tandem.services.pipeline.nightly.sweep.run("twice", heal=False)
    assert {str(d.kind) for d in report.differences} == {"two live subscriptions"}
    assert any("billed by both from 15 Feb 2026" in d.actual for d in report.differences)
    world.at("2026-02-20")
    book.used("acme", "call", 100, "2026-02-20T00:00:00")
    book.live("2026-03-16")
    paid = [one for one in book.billed("acme") if one[1]]
    assert paid == [("2026-03-11", 5_000), ("2026-03-15", 5_000)], "Stripe's meters count for both"

    world.stripe._http.delete(f"{world.stripe._base}/v1/subscriptions/{plan}").raise_for_status()
    settled(tandem)
    assert [row["Status__c"] for row in world.crm.rows(ISSUE, "Status__c", "Code__c = 'DATA-237'")] == ["Closed"]
    assert list(tandem.services.pipeline.nightly.sweep.run("once", heal=False).differences) == []
    changes_nothing(tandem)
