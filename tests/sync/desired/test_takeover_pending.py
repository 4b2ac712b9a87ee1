"""What waits for the next invoice of a self-serve plan that a deal takes over, seats added last week."""

from __future__ import annotations

from datetime import date
from typing import Any

from sync.desired.subscription import Wanted
from sync.desired.takeover import desire_ends
from sync.desired.takeover_foreseen import foreseen
from sync.desired.takeover_pending import as_billed, desire_pending, said_pending, waiting
from sync.desired.takeover_unused import Read
from sync.desired.worth import Terms
from sync.diff import diff
from sync.facts import Invoice, PendingItem, Schedule, Subscription
from sync.observed import actuals
from sync.run.taking import Taking
from tests.sync.deal.factory import a_cancellation, a_deal
from tests.sync.desired.test_plan_use import by_use
from tests.sync.desired.test_takeover import DEAL, PERIOD, START, at, first_invoice, invoice, now, plan, takeover

SEATS = PendingItem(
    id="ii_1", customer="cus_1", subscription="sub_web", currency="usd", amount_minor=10_400, created_s=at("2026-06-20"),
    period_start_s=at("2026-06-20"), period_end_s=PERIOD[1], description="4 more seats",
)  # fmt: skip
OTHERS = SEATS.model_copy(update={"id": "ii_2", "subscription": None})


def ended(one: Subscription, *items: PendingItem, schedules: tuple[Schedule, ...] = ()) -> list[str]:
    found = takeover(one, schedules=schedules)
    ends = desire_ends(found, now("2026-06-25"), waiting(found, items))
    return [o.action for o in diff(ends.objects, found.actual).operations if o.action]


def test_a_plan_is_invoiced_when_it_ends_only_where_something_of_it_is_pending() -> None:
    assert ended(plan()) == ["cancel"]
    assert ended(plan(), OTHERS) == ["cancel"]  # of no subscription: the next invoice of the customer takes it
    assert ended(plan(), SEATS) == ["settle"]
    own = Schedule(id="sched_1", status="active", subscription="sub_web")
    assert ended(plan(), schedules=(own,)) == ["cancel"]
    assert ended(plan(), SEATS, schedules=(own,)) == ["release", "settle"]


def test_of_a_plan_by_use_it_is_an_invoice_of_ours_made_before_the_end_and_finalised_after_it() -> None:
    def operations(one: Subscription, *invoices: Invoice, pending: tuple[PendingItem, ...] = (SEATS,)) -> Any:
        found, read = takeover(one), Read(of_plans=invoices, pending=pending)
        bills, again = desire_pending(found, read)
        ends = desire_ends(found, now("2026-06-25"), waiting(found, pending))
        known = {**found.actual, **actuals(read.facts)}
        made = diff([*bills, *ends.objects], known).operations
        return [(str(o.verb), o.ref.kind, o.action) for o in made if o.changed != ("metadata",)], again

    assert operations(by_use(), pending=()) == ([("act", "subscription", "cancel")], False)
    assert operations(by_use()) == ([("create", "invoice", ""), ("act", "subscription", "cancel")], True)
    taken = {"tandem_taken_by": DEAL.key}
    over = by_use(status="canceled", ended_at_s=at("2026-06-25T09:00"), metadata=taken)
    key = {"tandem_key": f"{DEAL.key}:takes:sub_web:pending"}
    draft = invoice(10_400, "in_2", status="draft", metadata=key)
    assert operations(over, draft, pending=()) == ([("act", "invoice", "finalize")], True)
    assert operations(by_use(), draft)[0] == [("act", "invoice", "finalize"), ("act", "subscription", "cancel")]
    assert operations(over, invoice(10_400, "in_2", metadata=key), pending=()) == ([], False)


def test_our_invoice_is_collected_and_taxed_as_the_plans() -> None:
    sent = by_use(collection_method="send_invoice", days_until_due=14)
    taxed = invoice(19_500, tax_status="complete")
    [[wanted], _] = desire_pending(takeover(sent), Read(of_plans=(taxed,), pending=(SEATS,)))
    asked = {k: v for k, v in wanted.create.items() if k not in ("customer", "metadata", "auto_advance")}
    assert asked == {
        "subscription": "sub_web", "collection_method": "send_invoice", "days_until_due": 14,
        "pending_invoice_items_behavior": "include", "automatic_tax": {"enabled": True},
    }  # fmt: skip


def test_the_preview_says_what_is_pending_and_foresees_what_of_it_is_given_back() -> None:
    def shown(start: date, one: Subscription) -> Any:
        found = takeover(one, deal=a_deal(start_date=start))
        read = Read(of_plans=(invoice(),), pending=(SEATS, OTHERS))
        given = foreseen(found, as_billed(found, read), 495_000, Terms({}, {}, "UTC", now("2026-06-20")))
        return said_pending(found, read), given.on_first, given.off_open

    words = ["Pending on sub_web, and invoiced when it ends, 25 Jun 2026: 104.00 USD (4 more seats)"]
    assert shown(date(2026, 6, 25), plan()) == (words, 9_750 + 7_800, 0)  # 15 of the 20 days
    assert shown(date(2026, 6, 25), plan(collection_method="send_invoice")) == (words, 9_750 + 7_800, 0)
    assert shown(date(2026, 7, 25), plan())[:2] == ([], 10_065)  # the renewal of 10 July takes them


def test_fewer_seats_are_not_given_back_twice() -> None:
    found = takeover(plan())
    fewer = SEATS.model_copy(update={"amount_minor": -7_800, "description": None})  # 3 of 5 for 20 days
    read = Read(of_plans=(invoice(),), pending=(fewer,))
    assert said_pending(found, read) == [
        "Pending on sub_web, and put to the customer's balance when it ends, 25 Jun 2026: 78.00 USD"
    ]
    given = foreseen(found, as_billed(found, read), 45_000, Terms({}, {}, "UTC", now("2026-06-20")))
    assert (given.on_first, given.to_balance) == (3_900, 0)  # the 2 that were left, for 15 of 30 days
    arranged, again = Taking(found, read).arranged(Wanted((first_invoice(45_000),), None), now("2026-06-25T09:00"))
    assert ({d.ref.kind for d in arranged.objects}, again) == (
        {"invoice", "subscription"},
        True,
    )  # credits follow its bill


def test_a_plan_that_goes_on_as_its_deal_never_began_keeps_what_is_pending_and_gets_nothing_back() -> None:
    one = by_use(metadata={"tandem_taken_by": DEAL.key})
    found = takeover(one, deal=a_cancellation(DEAL, START))
    read = Read(of_plans=(invoice(),), pending=(SEATS,))
    arranged, _ = Taking(found, read).arranged(Wanted((), None), now("2026-06-25T09:00"))  # late, nobody ran before
    assert [(d.ref.kind, dict(d.acts)) for d in arranged.objects] == [("subscription", {})]
