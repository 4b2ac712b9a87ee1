"""History adopted: everything that is in Stripe already stands in Salesforce, and nothing is written that need not be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from sync.gateways import salesforce_lists, stripe_lists
from sync.ports import FACT_KINDS, ROW_KINDS
from sync.run.backfill import Backfill, Report
from sync.run.estimate import estimate
from sync.run.intake import quote_mark
from sync.run.start import Start
from tests.e2e.looks import changes_nothing, quote_row, settled, shown_invoices
from tests.e2e.people import sell
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem, writes_of

pytestmark = pytest.mark.long


MONTHLY: dict[str, Any] = {"Start_Date__c": "2026-03-05", "Term_Months__c": 12, "Billing_Frequency__c": "Monthly"}


def self_serve(world: World, name: str, *, known: bool = True) -> str:
    """A customer who bought on the web site; ``known`` has an Account that proves to be theirs. Returns the id."""
    domain = f"{name.lower()}.example"
    if known:
        world.crm.create("Account", Name=name, Website=f"https://{domain}", Billing_Email__c=f"ops@{domain}")
    return str(world.stripe.sign_up(name, f"ops@{domain}", seats=5, card="pm_card_visa")["customer"])


def forget(tandem: Tandem, *tables: str) -> None:
    """These tables are lost."""
    with tandem.services.engine.begin() as connection:
        connection.execute(text(f"TRUNCATE {', '.join(tables)}"))


def rows_of(world: World) -> dict[str, list[dict[str, Any]]]:
    """Everything of ours in the CRM, stamps and all."""
    fields = {
        "Account": "Id Stripe_Customer_Id__c Billing_Health__c MRR__c ARR__c Open_Balance__c Last_Payment_Amount__c",
        "Billing_Subscription__c": "Billing_Key__c Account__c Quote__c Channel__c Status__c MRR__c Stripe_Ids__c",
        "Billing_Subscription_Item__c": "Billing_Key__c Quantity__c Unit_Amount__c MRR__c Product2__c",
        "Billing_Invoice__c": "Billing_Key__c Status__c Total__c Amount_Paid__c Billing_Subscription__c",
        "Billing_Payment__c": "Billing_Key__c Type__c Amount__c Billing_Invoice__c",
        "Quote": "Id Billing_Status__c Billing_Reference__c Contract_Total__c",
    }
    return {name: world.crm.rows(name, f"{columns} LastModifiedDate", order="Id") for name, columns in fields.items()}


def test_a_store_that_lost_its_memory_finds_everything_again_and_writes_nothing(world: World, tandem: Tandem) -> None:
    world.at("2026-03-05")
    seat = world.crm.product("Seat", currencies=["USD"])
    sell(world.crm, [(seat, 10, "50.00", {})], **MONTHLY)
    self_serve(world, "Birch")
    settled(tandem)
    world.at("2026-05-06T02:00")
    settled(tandem)
    before = rows_of(world)

    forget(tandem, "links", "operations", "runs", "facts", "crm_rows")
    other = tandem.again()
    reports: list[Report] = []
    written = writes_of(world, lambda: reports.append(other.services.backfill().run()))

    assert written == []
    [report] = reports
    assert report.complete
    assert (report.found["customer"], report.adopted["customer"], report.linked) == (2, 2, 2)
    assert report.invoices == (6, 6)
    assert (report.rows.written, report.rows.unchanged) == (0, report.rows.expected)
    assert (
        report.rows.expected == 2 + 2 + 2 + 6 + 3 + 2 + 1
    )  # Accounts, contracts, items, invoices, payments, overdue, Opportunity
    assert writes_of(world, lambda: settled(other)) == []
    assert rows_of(world) == before
    world.at("2026-06-06T02:00")
    settled(other)
    assert len(shown_invoices(world)) == len(world.stripe.all("invoices")) == 8
    changes_nothing(other)


@dataclass
class Mortal:
    """A side that answers so many pages, and then the process dies."""

    side: Any
    pages: int
    read: list[str]  # what was read, page by page, by whoever died and whoever did not

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.side, name)
        return self._counted(name, found) if name.startswith("list_") else found

    def _counted(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            if self.pages == 0:
                raise KilledHereError
            self.pages -= 1
            page = call(*args, **kwargs)
            self.read.append(str(args[0]) if name in ("list_facts", "list_rows") else name)
            return page

        return counted


class KilledHereError(Exception):
    """The process died here."""


def in_small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stripe_lists, "PAGE", 2)
    monkeypatch.setattr(salesforce_lists, "PAGE", 2)


def history(world: World) -> None:
    """Three customers of the web site with months of invoices, one of whom nobody in the CRM knows, and a visitor."""
    world.at("2025-11-05")
    for name in ("Birch", "Cedar"):
        self_serve(world, name)
    self_serve(world, "Stranger", known=False)
    world.stripe.post("customers", email="visitor@nowhere.example", name="Visitor")
    world.at("2026-03-06T02:00")


def test_a_kill_at_every_page_still_ends_complete(
    world: World, make_tandem: Callable[..., Tandem], monkeypatch: pytest.MonkeyPatch
) -> None:
    history(world)
    in_small_pages(monkeypatch)
    tandem = make_tandem()
    deaths, report = 0, None
    read: list[str] = []
    before = world.mark()
    while report is None:
        backfill = tandem.services.backfill()
        done = len(read)
        try:
            report = mortal(backfill, pages=1, read=read).run()
        except KilledHereError:
            deaths += 1
            assert deaths < 100
        assert len(read) <= done + 2, "one page of each side, and the next one is death"

    # Whoever read a page read no other of that side: there was a death behind each page of each list but the last ones.
    assert len(read) - deaths <= 2
    assert set(read) >= {*FACT_KINDS, *ROW_KINDS}
    assert all(read.count(kind) > 2 for kind in ("invoice", "charge", "subscription")), (
        "of several pages, not the first alone"
    )
    assert report.complete
    assert report.resumed
    assert report.found["invoice"] == len(world.stripe.all("invoices")) == 15
    assert (report.adopted["customer"], report.adopted["invoice"]) == (2, 10)
    assert report.skipped == {"nobody in Salesforce knows them": 1, "never bought anything": 1}
    assert [w.path for w in world.writes(before, "stripe")] == []
    assert len(shown_invoices(world)) == 10
    read = [e for e in world.log(before) if e.by_tandem and e.system == "stripe" and e.path == "/v1/invoices"]
    assert len({str(e.params) for e in read}) == len(read), "a page was read twice"
    assert len(world.crm.rows("Billing_Payment__c", "Id")) == 10
    assert writes_of(world, lambda: settled(tandem)) == []
    again = tandem.services.backfill().run()
    assert (again.rows.written, again.resumed, again.complete) == (0, False, True)


def mortal(backfill: Backfill, *, pages: int, read: list[str] | None = None) -> Backfill:
    """The same, dying after so many pages of each side."""
    told = read if read is not None else []
    stripe, salesforce = Mortal(backfill.stripe, pages, told), Mortal(backfill.salesforce, pages, told)
    return replace(backfill, stripe=stripe, salesforce=salesforce)


@dataclass
class Busy:
    """A Stripe account in which something happens once a list was read."""

    side: Any
    kind: str
    happens: Callable[[], object]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.side, name)

    def list_facts(self, kind: Any, *more: Any) -> Any:
        page = self.side.list_facts(kind, *more)
        if kind == self.kind:
            self.kind = ""
            self.happens()
        return page


def test_events_of_before_are_not_read_again_and_what_happens_meanwhile_is_not_lost(
    world: World, make_tandem: Callable[..., Tandem]
) -> None:
    history(world)
    tandem = make_tandem()
    backfill = tandem.services.backfill()
    busy = Busy(backfill.stripe, "subscription", lambda: self_serve(world, "Dogwood"))

    assert replace(backfill, stripe=busy).run().complete
    settled(tandem)

    with tandem.services.engine.begin() as connection:
        told = connection.scalar(text("SELECT count(*) FROM notices WHERE source LIKE 'stripe:%'"))
    assert 0 < (told or 0) < len(world.stripe.all("events")) / 2
    assert len(world.crm.rows("Billing_Subscription__c", "Id")) == 3


def test_what_salesforce_refuses_is_no_success_and_follows_once_it_is_mended(
    world: World, make_tandem: Callable[..., Tandem]
) -> None:
    history(world)
    tandem = make_tandem()
    account = world.crm.row("Account", "Id", "Name = 'Cedar'")["Id"]
    world.crm.delete("Account", account)
    new = world.crm.create(
        "Account", Name="Other", Website="https://other.example", Billing_Email__c="ops@cedar.example"
    )

    foreseen = estimate(tandem.services.stripe, None, stripe_per_s=20)
    report = tandem.services.backfill().run()

    assert not report.complete
    assert report.skipped["a question for people (DATA-213)"] == 1
    assert report.adopted["customer"] == 1
    assert foreseen.exact
    assert {kind: c.objects for kind, c in foreseen.lists.items()} == dict(report.found)
    assert foreseen.rows >= report.rows.expected - 2
    [asked] = [code for _, code, _ in tandem.drain().failed]
    assert asked == "DATA-213"
    customer = next(c for c in world.stripe.all("customers") if c["email"] == "ops@cedar.example")
    world.crm.change("Account", new, Stripe_Customer_Id__c=customer["id"])
    assert tandem.services.backfill().run().complete
    assert len(shown_invoices(world)) == 10

    world.crm.delete("Account", new)
    forget(tandem, "crm_rows")
    refused = tandem.services.backfill().run()
    assert set(refused.rows.refused) == {"DATA-223"}
    assert not refused.complete


def test_what_was_signed_before_the_start_is_billed_by_a_decision_and_never_by_surprise(
    world: World, make_tandem: Callable[..., Tandem]
) -> None:
    world.at("2026-03-05")
    seat = world.crm.product("Seat", currencies=["USD"])
    lines = [(seat, 10, "50.00", {})]
    payers = [world.crm.create("Account", Name=n, Billing_Email__c=f"ap@{n}.example") for n in ("a", "b", "c")]
    old, older = (sell(world.crm, lines, account=payer, **MONTHLY) for payer in payers[:2])
    world.at("2026-03-20")
    tandem = make_tandem(bill_signed_since="2026-03-10")

    reports: list[Report] = []
    written = writes_of(world, lambda: reports.append(tandem.services.backfill().run()))

    [report] = reports
    assert not any(w.startswith("stripe") for w in written)
    assert (report.quotes.billed, report.quotes.due, report.quotes.undecided) == (0, 0, 2)
    assert report.quotes.sums == {"USD": 1_200_000}
    assert not report.complete
    assert quote_row(world, old)["Billing_Code__c"] == "DATA-229"
    assert {(key, code) for key, code, _ in tandem.drain().failed} == {
        (f"quote:{old}", "DATA-229"), (f"quote:{older}", "DATA-229"),
    }  # fmt: skip
    assert world.stripe.all("subscription_schedules") == []

    new = sell(world.crm, lines, account=payers[2], **{**MONTHLY, "Start_Date__c": "2026-04-01"})
    world.crm.change("Quote", older, Email="ap@acme.example")  # touched since, but nobody decided
    world.crm.change("Quote", old, Billing_Request__c="Start")
    failed = tandem.drain().failed

    assert [(key, code) for key, code, _ in failed] == [(f"quote:{older}", "DATA-229")]
    assert {quote_row(world, q)["Billing_Status__c"] for q in (old, new)} == {"Live", "Scheduled"}
    assert quote_row(world, older)["Billing_Status__c"] == "With Billing Team"
    assert writes_of(world, lambda: tandem.drain()) == []
    later = make_tandem(bill_signed_since="2026-03-01")
    later.services.subjects.mark([quote_mark(older, "")], reason="replay")
    settled(later)
    assert quote_row(world, older)["Billing_Status__c"] == "Live"


def test_an_installation_that_starts_bills_what_is_signed_from_then_on(
    world: World, make_tandem: Callable[..., Tandem]
) -> None:
    world.at("2026-03-05")
    tandem = make_tandem()
    first = tandem.services.cursors.started_at(world.now())
    world.at("2026-03-20")

    assert first == tandem.services.cursors.started_at(world.now())
    assert Start(first).is_before(first - timedelta(seconds=1))
    assert not Start(first).is_before(first)
    assert not Start().is_before(first)
