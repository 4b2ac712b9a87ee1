"""What opens is told once, whatever is put how often, and again when it opens again."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Engine

from sync.crm import CrmRow
from sync.ports import RowResult
from sync.run.owner_tasks import OwnerTasks, switched_on
from sync.store.cursors import StoredCursors
from sync.store.outbox import StoredOutbox
from tests.sync.store.samples import ACCOUNT, NOW, all_well

LATER = "2026-03-02T00:00:00Z"
KEY = "DATA-218:in_1"


def issue(status: str = "Open", *, opened: str = LATER, detail: str = "Declined.", closed: str | None = None) -> CrmRow:
    fields = {
        "Account__c": ACCOUNT, "Code__c": "DATA-218", "Title__c": "Invoice 1: payment failed", "Status__c": status,
        "Opened_At__c": opened, "Closed_At__c": closed, "Detail__c": detail,
    }  # fmt: skip
    return CrmRow("Billing_Issue__c", "Billing_Key__c", KEY, fields, ACCOUNT, quiet=("Closed_At__c", "Opened_At__c"))


class Noon:
    def now(self) -> datetime:
        return NOW


def telling(outbox: StoredOutbox, since: datetime = NOW) -> StoredOutbox:
    return outbox.announcing(OwnerTasks(since, Noon(), lambda ids: dict.fromkeys(ids, "Pacific/Kiritimati")))


def flushed(outbox: StoredOutbox) -> list[tuple[str, str]]:
    """Everything that may go went, with success: object and key of each."""
    sent: list[tuple[str, str]] = []
    while (flush := outbox.claim_flush()) is not None:
        sent += [(row.row.sobject, row.row.key) for row in flush.rows]
        outbox.finish_flush(flush, all_well(flush.rows), request_id="req")
    return sent


def tasks(outbox: StoredOutbox) -> list[str]:
    return [key for sobject, key in flushed(outbox) if sobject == "Task"]


def test_an_owner_is_told_when_an_issue_opens_and_not_while_it_stands(outbox: StoredOutbox) -> None:
    mine = telling(outbox)
    assert mine.put([issue()], 1) == 2
    mine.put([issue(detail="Declined again.")], 2)  # before anything was sent
    [task] = tasks(mine)
    assert task.endswith(KEY)

    mine.put([issue(detail="And again.")], 3)
    assert tasks(mine) == []
    mine.put([issue("Closed", closed="2026-03-05T00:00:00Z")], 4)
    assert tasks(mine) == []


def test_one_that_opens_again_is_told_again_under_another_subject(outbox: StoredOutbox) -> None:
    mine = telling(outbox)
    told = []
    for fence, one in enumerate((issue(), issue("Closed", closed=LATER), issue(), issue()), 1):
        mine.put([one], fence)
        told += tasks(mine)
    assert len(set(told)) == len(told) == 2
    assert LATER in told[1]


def test_a_task_is_told_by_the_day_of_its_account_and_to_the_account(outbox: StoredOutbox) -> None:
    mine = telling(outbox)
    mine.put([issue()], 1)
    [task] = mine.standing("Task", [f"DATA-218 Invoice 1: payment failed - {KEY}"])
    assert (task.fields["WhatId"], task.fields["ActivityDate"]) == (ACCOUNT, "2026-03-02")


def test_a_run_that_read_before_it_was_over_opens_nothing(outbox: StoredOutbox) -> None:
    mine = telling(outbox)
    mine.put([issue()], 1)
    mine.put([issue("Closed", closed=LATER)], 5)
    assert len(tasks(mine)) == 1

    mine.put([issue(detail="What an older run still saw.")], 4)
    assert tasks(mine) == []


def test_what_stood_open_before_tasks_were_switched_on_is_no_news(outbox: StoredOutbox) -> None:
    outbox.put([issue()], 1)
    assert tasks(outbox) == []
    mine = telling(outbox)
    mine.put([issue(detail="Tried again.")], 2)
    assert tasks(mine) == []


def test_of_a_history_that_comes_in_only_what_began_since_is_told(outbox: StoredOutbox) -> None:
    mine = telling(outbox)
    mine.put([issue(opened="2026-02-27T00:00:00Z")], 1)
    assert tasks(mine) == []
    mine.put([issue("Closed", opened="2026-02-27T00:00:00Z", closed=LATER)], 2)
    mine.put([issue(opened="2026-02-27T00:00:00Z")], 3)
    assert len(tasks(mine)) == 1, "it opens again, and that is news"


def test_a_task_that_was_refused_holds_up_nothing_and_is_sent_by_a_replay(outbox: StoredOutbox) -> None:
    mine = telling(outbox)
    mine.put([issue()], 1)
    flush = mine.claim_flush()
    assert flush is not None
    no = RowResult(ok=False, code="CONF-302", message="No right", status_code="INSUFFICIENT_ACCESS_OR_READONLY")
    results = {r.id: no if r.row.sobject == "Task" else RowResult(ok=True, salesforce_id="a0") for r in flush.rows}
    mine.finish_flush(flush, results, request_id="req")

    mine.put([issue("Closed", closed=LATER)], 2)
    assert flushed(mine) == [("Billing_Issue__c", KEY)]
    assert [(r.code, r.sobject, r.many) for r in mine.refused()] == [("CONF-302", "Task", 1)]
    mine.retry_failed("CONF-302")
    assert len(tasks(mine)) == 1


def test_since_when_owners_are_told_is_kept(engine: Engine) -> None:
    cursors = StoredCursors(engine)
    first = switched_on(cursors, NOW)
    assert first == NOW
    assert switched_on(cursors, datetime(2026, 6, 1, tzinfo=UTC)) == first
