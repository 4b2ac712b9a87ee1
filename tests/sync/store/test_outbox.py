"""Rows on their way to Salesforce: few, current, parents first, and never an older value on top of a newer one."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from threading import Barrier

import pytest
from sqlalchemy import Engine, text

from sync.crm import CrmRow
from sync.ports import Flush, RowResult
from sync.store.outbox import StoredOutbox
from tests.sync.store.samples import ACCOUNT, account_row, all_well, invoice_row, payment_row

TRANSIENT = RowResult(ok=False, code="TEMP-404", message="row lock", transient=True, status_code="UNABLE_TO_LOCK_ROW")
REFUSED = RowResult(ok=False, code="DATA-220", message="Our rule", status_code="FIELD_CUSTOM_VALIDATION_EXCEPTION")
GONE = RowResult(ok=False, code="DATA-223", message="Account is gone", status_code="ENTITY_IS_DELETED")
BROKEN = RowResult(ok=False, code="CONF-302", message="No right", status_code="INVALID_FIELD")


def sent(flush: Flush | None) -> list[tuple[str, object]]:
    """What a flush carries: key and amount."""
    assert flush is not None
    return [(row.row.key, row.row.fields.get("Total__c", row.row.fields.get("MRR__c"))) for row in flush.rows]


def flushed(outbox: StoredOutbox) -> list[str]:
    """Sends all that may go, with success; returns the keys in the order in which they went."""
    keys: list[str] = []
    while (flush := outbox.claim_flush()) is not None:
        keys += [row.row.key for row in flush.rows]
        outbox.finish_flush(flush, all_well(flush.rows), request_id="req")
    return keys


# ---------------------------------------------------------------- what is queued


def test_a_row_is_sent_once_and_then_only_when_it_says_something_else(outbox: StoredOutbox) -> None:
    assert outbox.put([invoice_row()], 1) == 1
    assert flushed(outbox) == ["in_1"]

    assert outbox.put([invoice_row()], 2) == 0
    assert flushed(outbox) == []
    assert outbox.put([invoice_row(total="11.00")], 3) == 1
    assert flushed(outbox) == ["in_1"]


def test_a_quiet_field_alone_never_causes_a_write(outbox: StoredOutbox) -> None:
    fields = {"Total__c": Decimal("10.00"), "As_Of__c": "2026-03-01T00:00:00Z"}
    outbox.put([invoice_row(fields=fields)], 1)
    flushed(outbox)

    assert outbox.put([invoice_row(fields={**fields, "As_Of__c": "2026-03-02T00:00:00Z"})], 2) == 0
    assert outbox.put([invoice_row(fields={**fields, "Total__c": Decimal("10")})], 3) == 0


def test_a_row_comes_out_as_it_went_in(outbox: StoredOutbox) -> None:
    row = payment_row(
        fields={
            "Amount__c": Decimal("1.980"),
            "Unit": Decimal("0.000000001"),
            "Detail__c": None,
            "N": 3,
            "B": True,
            "T": "ü\u2028",
        }
    )
    outbox.put([invoice_row(), row], 4)

    flush = outbox.claim_flush()

    assert flush is not None
    assert flush.rows[1].row == row
    assert str(flush.rows[1].row.fields["Amount__c"]) == "1.980"
    assert (flush.rows[1].fence, flush.rows[1].attempts) == (4, 1)


@pytest.mark.parametrize("value", [1.5, datetime(2026, 1, 1), Decimal("NaN"), object()])  # noqa: DTZ001
def test_a_value_that_would_lose_its_meaning_on_the_way_is_refused(outbox: StoredOutbox, value: object) -> None:
    with pytest.raises(TypeError, match="Total__c"):
        outbox.put([invoice_row(fields={"Total__c": value})], 1)
    assert outbox.waiting() == (0, None)


def test_what_stands_is_found_among_the_keys_of_years(outbox: StoredOutbox) -> None:
    outbox.put([invoice_row()], 1)
    among = [f"in_{n}" for n in range(70_000)]  # more than a statement may have parameters
    assert [row.key for row in outbox.standing("Billing_Invoice__c", among)] == ["in_1"]


def test_a_newer_row_replaces_the_one_that_waits(outbox: StoredOutbox) -> None:
    outbox.put([invoice_row(total="10.00")], 1)
    assert outbox.put([invoice_row(total="12.00")], 2) == 1

    assert sent(outbox.claim_flush()) == [("in_1", Decimal("12.00"))]


def test_an_older_fence_never_replaces_a_newer_row(outbox: StoredOutbox) -> None:
    outbox.put([invoice_row(total="12.00")], 5)

    assert outbox.put([invoice_row(total="10.00")], 4) == 0

    assert sent(outbox.claim_flush()) == [("in_1", Decimal("12.00"))]


def test_an_older_fence_is_refused_also_after_the_newer_row_was_sent(outbox: StoredOutbox) -> None:
    outbox.put([invoice_row(total="12.00")], 5)
    flushed(outbox)
    assert outbox.put([invoice_row(total="10.00")], 4) == 0
    assert flushed(outbox) == []

    # also where the newer run found that nothing had to be sent
    outbox.put([invoice_row(total="12.00")], 9)
    assert outbox.put([invoice_row(total="10.00")], 8) == 0
    assert flushed(outbox) == []


def test_a_row_that_is_back_at_what_the_crm_has_is_not_sent(outbox: StoredOutbox) -> None:
    outbox.put([invoice_row(total="10.00")], 1)
    flushed(outbox)
    outbox.put([invoice_row(total="12.00")], 2)
    assert outbox.put([invoice_row(total="10.00")], 3) == 0

    assert outbox.waiting() == (0, None)
    assert outbox.put([invoice_row(total="12.00")], 2) == 0  # the run that lost


def test_what_is_forgotten_is_sent_whatever_it_is(outbox: StoredOutbox) -> None:
    outbox.put([invoice_row()], 1)
    flushed(outbox)

    outbox.forget([("Billing_Invoice__c", "in_1"), ("Billing_Invoice__c", "never heard of")])

    assert outbox.put([invoice_row()], 2) == 1


def test_two_rows_of_one_key_in_one_breath_are_one_and_the_later_holds(outbox: StoredOutbox) -> None:
    assert outbox.put([invoice_row(total="1.00"), invoice_row(total="2.00")], 1) == 1
    assert sent(outbox.claim_flush()) == [("in_1", Decimal("2.00"))]


def test_ids_that_salesforce_gave_are_known_by_key(outbox: StoredOutbox) -> None:
    outbox.put([invoice_row("in_1"), invoice_row("in_2")], 1)
    flush = outbox.claim_flush()
    assert flush is not None
    first = flush.rows[0]
    outbox.finish_flush(flush, {first.id: RowResult(ok=True, salesforce_id="a0X", created=True)}, request_id="r")

    assert outbox.salesforce_ids("Billing_Invoice__c", ["in_1", "in_2", "in_3"]) == {first.row.key: "a0X"}


def test_many_putting_the_same_rows_at_once_leave_the_newest(outbox: StoredOutbox, other_outbox: StoredOutbox) -> None:
    start = Barrier(4)

    def put(where: StoredOutbox, fences: list[int]) -> None:
        start.wait()
        for fence in fences:
            rows = [invoice_row(f"in_{n}", total=f"{fence}.00") for n in range(20)]
            where.put(rows if fence % 2 else rows[::-1], fence)

    with ThreadPoolExecutor(4) as pool:
        work = [pool.submit(put, (outbox, other_outbox)[n % 2], list(range(n + 1, 41, 4))) for n in range(4)]
        for done in work:
            done.result(60)

    assert {amount for _, amount in sent(outbox.claim_flush())} == {Decimal("40.00")}


# ---------------------------------------------------------------- which rows travel


def test_parents_go_before_children_in_one_flush(outbox: StoredOutbox) -> None:
    outbox.put([payment_row(), invoice_row(), account_row()], 1)

    flush = outbox.claim_flush()

    assert flush is not None
    assert [row.row.sobject for row in flush.rows] == ["Account", "Billing_Invoice__c", "Billing_Payment__c"]


def test_a_child_waits_until_its_parent_is_in_the_crm(outbox: StoredOutbox) -> None:
    outbox.put([payment_row()], 1)
    assert outbox.claim_flush() is None
    assert outbox.waiting() == (1, None)

    outbox.put([invoice_row()], 2)
    assert flushed(outbox) == ["in_1", "py_1"]

    outbox.put([payment_row("py_2")], 3)
    assert flushed(outbox) == ["py_2"]


def test_a_child_waits_while_its_parent_backs_off_and_follows_it(
    outbox: StoredOutbox, time_passes: Callable[[float], None]
) -> None:
    outbox.put([invoice_row()], 1)
    flush = outbox.claim_flush()
    assert flush is not None
    outbox.finish_flush(flush, {flush.rows[0].id: TRANSIENT}, request_id=None)
    outbox.put([payment_row()], 2)

    assert outbox.claim_flush() is None
    waiting, in_s = outbox.waiting()
    assert waiting == 2
    assert in_s is not None
    assert 3 < in_s < 7
    time_passes(7)
    assert flushed(outbox) == ["in_1", "py_1"]


def test_a_child_sent_with_a_parent_that_failed_waits_and_its_try_is_not_counted(
    outbox: StoredOutbox, time_passes: Callable[[float], None]
) -> None:
    outbox.put([invoice_row(), payment_row(), invoice_row("in_2", account="001B")], 1)
    flush = outbox.claim_flush()
    assert flush is not None
    by_key = {row.row.key: row.id for row in flush.rows}
    child_error = RowResult(ok=False, code="DATA-220", message="Foreign key not found")
    results = {
        by_key["in_1"]: TRANSIENT,
        by_key["py_1"]: child_error,
        by_key["in_2"]: RowResult(ok=True, salesforce_id="a0"),
    }
    outbox.finish_flush(flush, results, request_id=None)

    assert outbox.claim_flush() is None
    assert outbox.failed_rows() == []
    time_passes(7)
    again = outbox.claim_flush()
    assert again is not None
    assert [(row.row.key, row.attempts) for row in again.rows] == [("in_1", 2), ("py_1", 1)]


def test_a_failed_row_retries_without_those_that_went_well(
    outbox: StoredOutbox, time_passes: Callable[[float], None]
) -> None:
    outbox.put([invoice_row("in_1"), invoice_row("in_2"), invoice_row("in_3")], 1)
    flush = outbox.claim_flush()
    assert flush is not None
    results = {**all_well(flush.rows), flush.rows[1].id: TRANSIENT}
    outbox.finish_flush(flush, results, request_id=None)

    assert outbox.waiting()[0] == 1
    time_passes(7)
    assert flushed(outbox) == ["in_2"]


def test_a_row_that_got_no_answer_is_sent_again(outbox: StoredOutbox, time_passes: Callable[[float], None]) -> None:
    outbox.put([invoice_row()], 1)
    flush = outbox.claim_flush()
    assert flush is not None
    outbox.finish_flush(flush, {}, request_id=None)

    time_passes(7)
    assert flushed(outbox) == ["in_1"]


def test_a_flush_never_holds_more_than_one_composite_carries(outbox: StoredOutbox) -> None:
    rows: list[CrmRow] = []
    for n in range(300):
        account = f"001{n:015d}"
        rows += [
            account_row(account),
            invoice_row(f"in_{n}", account=account),
            payment_row(f"py_{n}", invoice=f"in_{n}", account=account),
        ]
    outbox.put(rows, 1)

    sizes: list[dict[str, int]] = []
    while (flush := outbox.claim_flush()) is not None:
        counts: dict[str, int] = {}
        for row in flush.rows:
            counts[row.row.sobject] = counts.get(row.row.sobject, 0) + 1
        sizes.append(counts)
        groups = {row.row.group for row in flush.rows}
        assert len(groups) * 3 == len(flush.rows)  # whole groups
        outbox.finish_flush(flush, all_well(flush.rows), request_id=None)

    assert all(sum(-(-count // 200) for count in counts.values()) <= 5 for counts in sizes)
    assert sum(sum(counts.values()) for counts in sizes) == 900
    assert len(sizes) == 2


def test_children_without_parents_do_not_stand_in_the_way_of_others(outbox: StoredOutbox) -> None:
    orphans = [payment_row(f"py_{n}", invoice="in_none", account=f"001{n}") for n in range(1200)]
    outbox.put(orphans, 1)
    outbox.put([invoice_row("in_ok", account="001Z")], 2)

    assert flushed(outbox) == ["in_ok"]
    assert outbox.waiting() == (1200, None)


# ---------------------------------------------------------------- how often


def test_a_flush_goes_at_once_after_a_quiet_time_and_then_waits(
    engine: Engine, time_passes: Callable[[float], None]
) -> None:
    outbox = StoredOutbox(engine)  # ten seconds apart
    outbox.put([invoice_row("in_1")], 1)
    assert flushed(outbox) == ["in_1"]
    outbox.put([invoice_row("in_2")], 2)

    assert outbox.claim_flush() is None
    waiting, in_s = outbox.waiting()
    assert waiting == 1
    assert in_s is not None
    assert 8 < in_s <= 10
    time_passes(10)
    assert outbox.waiting() == (1, 0.0)
    assert flushed(outbox) == ["in_2"]


def test_a_thousand_waiting_rows_do_not_wait_for_the_pause(engine: Engine) -> None:
    outbox = StoredOutbox(engine)
    outbox.put([invoice_row("in_0")], 1)
    flushed(outbox)
    outbox.put([invoice_row(f"in_{n}") for n in range(1, 1000)], 2)
    assert outbox.claim_flush() is None
    outbox.put([invoice_row("in_1000")], 3)

    assert outbox.waiting() == (1000, 0.0)
    flush = outbox.claim_flush()
    assert flush is not None
    assert len(flush.rows) == 1000


# ---------------------------------------------------------------- when things go wrong


def test_only_one_flusher_is_at_work(outbox: StoredOutbox, other_outbox: StoredOutbox) -> None:
    outbox.put([invoice_row("in_1")], 1)
    flush = outbox.claim_flush()
    outbox.put([invoice_row("in_2", account="001B")], 2)

    assert flush is not None
    assert other_outbox.claim_flush() is None
    outbox.finish_flush(flush, all_well(flush.rows), request_id=None)
    assert other_outbox.claim_flush() is not None


def test_many_flushers_at_once_send_every_row_exactly_once(outbox: StoredOutbox, other_outbox: StoredOutbox) -> None:
    outbox.put([invoice_row(f"in_{n}", account=f"001{n}") for n in range(60)], 1)
    start = Barrier(4)

    def work(where: StoredOutbox) -> list[str]:
        start.wait()
        keys: list[str] = []
        while where.waiting()[0]:
            if (flush := where.claim_flush(limit=7)) is not None:
                keys += [row.row.key for row in flush.rows]
                where.finish_flush(flush, all_well(flush.rows), request_id=None)
        return keys

    with ThreadPoolExecutor(4) as pool:
        taken = [key for done in [pool.submit(work, w) for w in (outbox, other_outbox) * 2] for key in done.result(60)]
    assert sorted(taken) == sorted(f"in_{n}" for n in range(60))


def test_a_row_that_changes_on_the_wire_is_sent_again_with_its_new_value(outbox: StoredOutbox) -> None:
    outbox.put([invoice_row(total="10.00")], 1)
    flush = outbox.claim_flush()
    assert flush is not None
    assert outbox.put([invoice_row(total="12.00")], 2) == 1
    outbox.finish_flush(flush, all_well(flush.rows), request_id=None)

    assert sent(outbox.claim_flush()) == [("in_1", Decimal("12.00"))]


def test_a_row_refused_while_it_changed_goes_again_at_once(outbox: StoredOutbox) -> None:
    outbox.put([invoice_row(total="10.00")], 1)
    flush = outbox.claim_flush()
    assert flush is not None
    outbox.put([invoice_row(total="12.00")], 2)
    outbox.finish_flush(flush, {flush.rows[0].id: BROKEN}, request_id=None)

    assert outbox.failed_rows() == []
    assert sent(outbox.claim_flush()) == [("in_1", Decimal("12.00"))]


def test_a_value_that_returns_while_the_other_is_on_the_wire_is_sent_again(outbox: StoredOutbox) -> None:
    outbox.put([invoice_row(total="10.00")], 1)
    flushed(outbox)
    outbox.put([invoice_row(total="12.00")], 2)
    flush = outbox.claim_flush()
    assert flush is not None
    assert outbox.put([invoice_row(total="10.00")], 3) == 1  # the CRM had this, and is just getting the other
    outbox.finish_flush(flush, all_well(flush.rows), request_id=None)

    assert sent(outbox.claim_flush()) == [("in_1", Decimal("10.00"))]


def test_rows_of_a_dead_flusher_are_not_taken_while_they_may_be_on_the_wire(
    outbox: StoredOutbox, other_outbox: StoredOutbox, time_passes: Callable[[float], None]
) -> None:
    outbox.put([invoice_row()], 1)
    assert outbox.claim_flush() is not None  # and never heard of again

    time_passes(44)
    assert other_outbox.claim_flush() is None
    waiting, in_s = other_outbox.waiting()
    assert waiting == 1
    assert in_s is not None
    assert in_s <= 1
    time_passes(2)
    assert sent(other_outbox.claim_flush()) == [("in_1", Decimal("10.00"))]


def test_what_a_dead_flusher_sent_counts_as_unknown_so_the_old_value_is_sent_too(
    outbox: StoredOutbox, other_engine: Engine, time_passes: Callable[[float], None]
) -> None:
    outbox.put([invoice_row(total="10.00")], 1)
    flushed(outbox)
    outbox.put([invoice_row(total="12.00")], 2)
    assert outbox.claim_flush() is not None  # dies; 12.00 may or may not have arrived
    time_passes(50)
    unhurried = StoredOutbox(other_engine, flush_every_s=100)
    assert unhurried.claim_flush() is None  # notices the death, and it is too soon for a call

    assert outbox.put([invoice_row(total="10.00")], 3) == 1

    assert flushed(outbox) == ["in_1"]


def test_a_stopped_flusher_that_comes_back_leads_to_the_present_values_being_sent_again(
    outbox: StoredOutbox, other_outbox: StoredOutbox, time_passes: Callable[[float], None]
) -> None:
    outbox.put([invoice_row(total="10.00")], 1)
    stopped = outbox.claim_flush()
    assert stopped is not None
    time_passes(50)
    outbox.put([invoice_row(total="12.00")], 2)
    assert flushed(other_outbox) == ["in_1"]  # 12.00 is there and nothing waits
    assert outbox.waiting() == (0, None)

    # The stopped one goes on: its old call arrives after the new value, then it reports.
    outbox.finish_flush(stopped, all_well(stopped.rows), request_id=None)

    assert sent(other_outbox.claim_flush()) == [("in_1", Decimal("12.00"))]


def test_a_stopped_flusher_that_comes_back_during_another_s_flush_has_it_sent_once_more(
    outbox: StoredOutbox, other_outbox: StoredOutbox, time_passes: Callable[[float], None]
) -> None:
    outbox.put([invoice_row(total="10.00")], 1)
    stopped = outbox.claim_flush()
    assert stopped is not None
    time_passes(50)
    outbox.put([invoice_row(total="12.00")], 2)
    second = other_outbox.claim_flush()
    assert second is not None

    outbox.finish_flush(stopped, all_well(stopped.rows), request_id=None)
    assert other_outbox.claim_flush() is None
    other_outbox.finish_flush(second, all_well(second.rows), request_id=None)

    assert sent(other_outbox.claim_flush()) == [("in_1", Decimal("12.00"))]


def test_after_a_stopped_flusher_came_back_the_acknowledged_value_is_not_taken_for_known(
    outbox: StoredOutbox, other_outbox: StoredOutbox, time_passes: Callable[[float], None]
) -> None:
    outbox.put([invoice_row(total="10.00")], 1)
    stopped = outbox.claim_flush()
    assert stopped is not None
    time_passes(50)
    outbox.put([invoice_row(total="12.00")], 2)
    flushed(other_outbox)
    outbox.finish_flush(stopped, all_well(stopped.rows), request_id=None)

    outbox.put([invoice_row(total="12.00")], 3)  # a run that finds nothing changed must not call the sending off

    assert sent(other_outbox.claim_flush()) == [("in_1", Decimal("12.00"))]


def test_a_stopped_flusher_whose_call_ended_unknown_has_the_present_values_sent_again(
    outbox: StoredOutbox, other_outbox: StoredOutbox, time_passes: Callable[[float], None]
) -> None:
    outbox.put([invoice_row(total="10.00")], 1)
    stopped = outbox.claim_flush()
    assert stopped is not None
    time_passes(50)
    assert flushed(other_outbox) == ["in_1"]

    outbox.abandon_flush(stopped, code="TEMP-406", message="never sent", after_s=None, unknown=False)
    assert other_outbox.waiting() == (0, None)
    outbox.abandon_flush(stopped, code="TEMP-403", message="no answer", after_s=None, unknown=True)
    assert flushed(other_outbox) == ["in_1"]


def test_an_abandoned_flush_waits_and_keeps_what_was_acknowledged(
    outbox: StoredOutbox, time_passes: Callable[[float], None]
) -> None:
    outbox.put([invoice_row(total="10.00")], 1)
    flushed(outbox)
    outbox.put([invoice_row(total="12.00")], 2)
    flush = outbox.claim_flush()
    assert flush is not None
    outbox.abandon_flush(flush, code="TEMP-406", message="unavailable", after_s=None, unknown=False)

    assert outbox.claim_flush() is None
    assert outbox.put([invoice_row(total="10.00")], 3) == 0
    assert outbox.waiting() == (0, None)


def test_an_abandoned_flush_of_unknown_outcome_forgets_what_was_acknowledged(
    outbox: StoredOutbox, time_passes: Callable[[float], None]
) -> None:
    outbox.put([invoice_row(total="10.00")], 1)
    flushed(outbox)
    outbox.put([invoice_row(total="12.00")], 2)
    flush = outbox.claim_flush()
    assert flush is not None
    outbox.abandon_flush(flush, code="TEMP-403", message="no answer", after_s=None, unknown=True)
    assert outbox.put([invoice_row(total="10.00")], 3) == 1

    assert outbox.claim_flush() is None  # the first call may still arrive until its deadline
    time_passes(30)
    assert sent(outbox.claim_flush()) == [("in_1", Decimal("10.00"))]


def test_a_row_of_unknown_outcome_forgets_what_was_acknowledged_and_nothing_overtakes_it(
    outbox: StoredOutbox, time_passes: Callable[[float], None]
) -> None:
    outbox.put([invoice_row(total="10.00"), invoice_row("in_2")], 1)
    flushed(outbox)
    outbox.put([invoice_row(total="12.00"), invoice_row("in_2", total="7.00")], 2)
    flush = outbox.claim_flush()
    assert flush is not None
    lost = RowResult(ok=False, code="TEMP-403", message="no answer", transient=True, unknown=True)
    results = {r.id: lost if r.row.key == "in_1" else RowResult(ok=True, salesforce_id="a01") for r in flush.rows}
    outbox.finish_flush(flush, results, request_id=None)
    assert outbox.put([invoice_row(total="10.00")], 3) == 1

    assert outbox.claim_flush() is None  # the lost call may still arrive until its deadline
    time_passes(30)
    assert sent(outbox.claim_flush()) == [("in_1", Decimal("10.00"))]


def test_a_flush_may_be_sent_until_the_wire_is_free_for_somebody_else_and_not_longer(
    outbox: StoredOutbox, engine: Engine
) -> None:
    outbox.put([invoice_row()], 1)
    flush = outbox.claim_flush()
    assert flush is not None

    with engine.connect() as connection:
        left_s = connection.scalar(
            text("SELECT extract(epoch FROM wire_until_machine_at - clock_timestamp())::float8 FROM flushers")
        )
        assert 0 < flush.deadline.left_s() <= left_s


def test_a_row_whose_account_is_gone_stops_and_goes_again_when_the_account_is_looked_at(
    outbox: StoredOutbox, time_passes: Callable[[float], None]
) -> None:
    outbox.put([invoice_row(), invoice_row("in_2", account="001B")], 1)
    flush = outbox.claim_flush()
    assert flush is not None
    outbox.finish_flush(flush, {row.id: GONE for row in flush.rows}, request_id=None)

    time_passes(7 * 86_400)
    assert outbox.claim_flush() is None
    assert {code for _, code, _ in outbox.failed_rows()} == {"DATA-223"}

    assert outbox.retry_gone([ACCOUNT]) == 1
    assert [key for key, _ in sent(outbox.claim_flush())] == ["in_1"]


def test_what_belongs_to_a_row_that_is_gone_waits_for_it_and_is_not_tried(
    outbox: StoredOutbox, time_passes: Callable[[float], None]
) -> None:
    outbox.put([invoice_row(total="10.00")], 1)
    flushed(outbox)
    outbox.put([invoice_row(total="12.00")], 2)
    flush = outbox.claim_flush()
    assert flush is not None
    outbox.finish_flush(flush, {row.id: GONE for row in flush.rows}, request_id=None)

    outbox.put([payment_row()], 3)
    time_passes(86_400)
    assert outbox.claim_flush() is None

    outbox.retry_gone([ACCOUNT])
    assert flushed(outbox) == ["in_1", "py_1"]


def test_a_row_whose_parent_is_not_in_the_crm_after_all_has_the_parent_sent_anew(
    outbox: StoredOutbox, time_passes: Callable[[float], None]
) -> None:
    outbox.put([invoice_row(total="10.00")], 1)
    flushed(outbox)
    outbox.put([payment_row()], 2)
    flush = outbox.claim_flush()
    assert [key for key, _ in sent(flush)] == ["py_1"]
    assert flush is not None
    orphan = RowResult(ok=False, code="TEMP-404", message="no parent", transient=True, no_parent=True)
    outbox.finish_flush(flush, {row.id: orphan for row in flush.rows}, request_id=None)

    assert sent(outbox.claim_flush()) == [("in_1", Decimal("10.00"))]


def test_a_pause_that_salesforce_asked_for_holds_for_all_rows(
    outbox: StoredOutbox, time_passes: Callable[[float], None]
) -> None:
    outbox.put([invoice_row()], 1)
    flush = outbox.claim_flush()
    assert flush is not None
    outbox.abandon_flush(flush, code="TEMP-405", message="daily allowance", after_s=600, unknown=False)
    outbox.put([invoice_row("in_2", account="001B")], 2)

    time_passes(590)
    assert outbox.claim_flush() is None
    waiting, in_s = outbox.waiting()
    assert waiting == 2
    assert in_s is not None
    assert 8 < in_s <= 10
    time_passes(10)
    assert sorted(flushed(outbox)) == ["in_1", "in_2"]


def test_pauses_of_a_drain_are_short_but_an_asked_pause_is_kept(engine: Engine) -> None:
    outbox = StoredOutbox(engine, flush_every_s=0, backoff_cap_s=2.0)
    outbox.put([invoice_row("in_1"), invoice_row("in_2")], 1)
    flush = outbox.claim_flush()
    assert flush is not None
    outbox.finish_flush(flush, {row.id: TRANSIENT for row in flush.rows}, request_id=None)

    in_s = outbox.waiting()[1]
    assert in_s is not None
    assert in_s <= 2


def test_a_row_that_needs_a_person_is_told_and_does_not_go_by_itself(
    outbox: StoredOutbox, time_passes: Callable[[float], None]
) -> None:
    outbox.put([invoice_row()], 1)
    flush = outbox.claim_flush()
    assert flush is not None
    outbox.finish_flush(flush, {flush.rows[0].id: BROKEN}, request_id=None)

    ((row, code, message),) = outbox.failed_rows()
    assert (row.row.key, code, message) == ("in_1", "CONF-302", "No right")
    assert outbox.waiting() == (0, None)
    time_passes(90_000)
    assert outbox.claim_flush() is None
    assert outbox.put([invoice_row()], 1) == 0  # the same run once more


@pytest.mark.parametrize("fixed_by", ["a newer run", "other content", "an operator"])
def test_a_row_that_needed_a_person_goes_again_after(outbox: StoredOutbox, fixed_by: str) -> None:
    outbox.put([invoice_row()], 1)
    flush = outbox.claim_flush()
    assert flush is not None
    outbox.finish_flush(flush, {flush.rows[0].id: BROKEN}, request_id=None)

    if fixed_by == "an operator":
        assert outbox.retry_failed(code="CONF-999") == 0
        assert outbox.retry_failed(code="CONF-302") == 1
    else:
        row = invoice_row() if fixed_by == "a newer run" else invoice_row(total="1.00")
        assert outbox.put([row], 2) == 1

    assert flushed(outbox) == ["in_1"]
    assert outbox.failed_rows() == []


def test_a_row_that_the_org_s_own_rule_refused_is_tried_hourly(
    outbox: StoredOutbox, time_passes: Callable[[float], None]
) -> None:
    outbox.put([invoice_row()], 1)
    flush = outbox.claim_flush()
    assert flush is not None
    outbox.finish_flush(flush, {flush.rows[0].id: REFUSED}, request_id=None)

    assert outbox.waiting() == (0, None)
    time_passes(3500)
    assert outbox.claim_flush() is None
    time_passes(101)
    assert flushed(outbox) == ["in_1"]


def test_a_row_that_fails_for_a_day_waits_for_a_person(
    outbox: StoredOutbox, time_passes: Callable[[float], None]
) -> None:
    outbox.put([invoice_row()], 1)
    for _ in range(2):
        flush = outbox.claim_flush()
        assert flush is not None
        outbox.finish_flush(flush, {flush.rows[0].id: TRANSIENT}, request_id=None)
        time_passes(90_000)

    assert outbox.claim_flush() is None
    assert [code for _, code, _ in outbox.failed_rows()] == ["TEMP-404"]


def test_a_relation_to_a_row_of_the_same_object_waits_for_the_next_flush(outbox: StoredOutbox) -> None:
    old = invoice_row("sub_old", sobject="Billing_Subscription__c")
    renewed_by = {"Renewed_By__r": ("Billing_Subscription__c", "Billing_Key__c", "sub_new")}
    new = invoice_row("sub_new", sobject="Billing_Subscription__c")
    outbox.put([replace(old, parents=renewed_by), new], 1)

    first = outbox.claim_flush()
    assert first is not None
    assert [row.row.key for row in first.rows] == ["sub_new"]
    outbox.finish_flush(first, all_well(first.rows), request_id=None)
    assert flushed(outbox) == ["sub_old"]


def test_stamps_with_a_zone_are_kept(outbox: StoredOutbox) -> None:
    outbox.put([invoice_row(fields={"As_Of__c": datetime(2026, 3, 1, tzinfo=UTC)})], 1)
    flush = outbox.claim_flush()
    assert flush is not None
    assert flush.rows[0].row.fields == {"As_Of__c": "2026-03-01T00:00:00+00:00"}


def test_what_waits_or_stands_of_an_account_that_was_merged_is_the_winners(outbox: StoredOutbox) -> None:
    def issue(key: str, status: str) -> CrmRow:
        fields = {"Account__c": ACCOUNT, "Record__c": ACCOUNT, "Status__c": status}
        return invoice_row(key, sobject="Billing_Issue__c", fields=fields)

    outbox.put([issue("stands", "Open"), issue("closes", "Open"), account_row()], 1)
    flushed(outbox)
    outbox.put([issue("closes", "Closed"), invoice_row("in_2", account="001B"), account_row(mrr="1.00")], 2)
    flush = outbox.claim_flush()
    assert flush is not None
    outbox.finish_flush(flush, {row.id: GONE for row in flush.rows}, request_id=None)
    outbox.drop([("Account", ACCOUNT)])

    assert outbox.followed(ACCOUNT, "001W") == 1

    flush = outbox.claim_flush()
    assert flush is not None
    told = {"Account__c": "001W", "Record__c": "001W", "Status__c": "Closed"}
    assert [(row.row.key, row.row.group, row.row.fields) for row in flush.rows] == [("closes", "001W", told)]
    outbox.finish_flush(flush, all_well(flush.rows), request_id="req")
    [stands] = outbox.standing("Billing_Issue__c", ["stands"])
    assert (stands.fields["Account__c"], stands.group) == ("001W", "001W")
    assert outbox.put([stands], 3) == 1  # its text field names the loser in the CRM still
    assert [row.row.key for row, _, _ in outbox.failed_rows()] == ["in_2"]
