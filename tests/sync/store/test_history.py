"""Years of history: what a scrape and a page read of it, what is forgotten, and that no counter ever goes down."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Engine, text

from sync.config import load
from sync.store.gauges import GAUGES_SQL
from sync.store.retention import forget
from sync.store.tallies import tally
from sync.wiring import open_store

DAY = 86_400.0
#: Tables that grow with every event and every run: none may be read from end to end.
GROWING = {"runs", "operations", "notices", "usage_events"}

QUOTE_RUN = """
INSERT INTO runs (subject, lane, token, trigger, as_of_at, digest, plan, outcome, closed_machine_at)
VALUES ('quote:{0}', 'deal', 1, 'due', now(), 'd', '{{}}', '{1}', clock_timestamp() + interval '1 second')
"""
OPERATION = """
INSERT INTO operations (run_id, ref_kind, ref_key, verb, revision, key, payload_hash, payload, before, state, request_id,
                        first_sent_at, sent_machine_at, closed_machine_at)
VALUES ((SELECT max(id) FROM runs), 'schedule', '{0}', 'create', 1, '{0}:{1}', 'h', '{{}}', '{{}}', 'done', 'req_1',
        '2026-03-01T09:02Z', clock_timestamp(), clock_timestamp() + interval '2 seconds')
"""
PROMISE = """
INSERT INTO promises (quote_id, input_digest, graph, preview, signed_at, frozen_at, deal_key)
VALUES ('{0}', 'd', '{{}}', '{{}}', '2026-03-01T09:00Z', '2026-03-01T09:01Z', '{0}')
"""
NOTICE = """
INSERT INTO notices (source, external_id, type, object_kind, object_id, processed_machine_at)
VALUES ('stripe:acct_1', '{0}', 'invoice.paid', 'invoice', 'in_1', {1})
"""


def run(engine: Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement.replace(":", "\\:")))


def billed(engine: Engine, quote: str, *, again: int = 0) -> None:
    run(engine, QUOTE_RUN.format(quote, "done"), OPERATION.format(quote, again))
    if not again:
        run(engine, PROMISE.format(quote))


def told(engine: Engine) -> dict[tuple[str, tuple[str, ...], float | None], tuple[float, float | None]]:
    with engine.connect() as connection:
        rows = connection.execute(text(GAUGES_SQL)).all()
    return {
        (metric, tuple(labels), le): (value, total and round(total, 1)) for metric, labels, le, value, total in rows
    }


def counters(engine: Engine) -> Mapping[Any, Any]:
    names = {"ended", "requests", "job_seconds", "request_seconds", "quote_seconds"}
    return {key: value for key, value in told(engine).items() if key[0] in names}


def tallied(engine: Engine) -> None:
    while tally(engine):
        pass


def test_what_is_long_over_is_counted_once_wherever_it_is_counted(
    engine: Engine, time_passes: Callable[[float], None]
) -> None:
    billed(engine, "0Q01")
    run(engine, QUOTE_RUN.format("0Q02", "refused"))
    before = counters(engine)
    assert before["quote_seconds", (), 300.0] == (1, 120)
    time_passes(2 * DAY)

    tallied(engine)

    assert counters(engine) == before
    billed(engine, "0Q03")
    billed(engine, "0Q01", again=1)  # a second object of a deal that has one: no second signature
    after = counters(engine)
    assert after["ended", ("deal", "quote", "done"), None] == (3, None)
    assert after["requests", ("stripe", "schedule.create", "done"), None] == (3, None)
    assert after["quote_seconds", (), float("inf")] == (2, 240)
    time_passes(2 * DAY)
    tallied(engine)
    tallied(engine)
    assert counters(engine) == after


def test_what_may_still_change_is_not_tallied(engine: Engine, time_passes: Callable[[float], None]) -> None:
    billed(engine, "0Q01")
    assert not tally(engine)
    time_passes(0.9 * DAY)
    assert not tally(engine)
    time_passes(0.2 * DAY)
    assert tally(engine)


def test_notices_taken_in_and_runs_that_wrote_nothing_are_forgotten_and_nothing_else(
    engine: Engine, time_passes: Callable[[float], None]
) -> None:
    billed(engine, "0Q01")
    for _ in range(3):
        run(engine, QUOTE_RUN.format("0Q02", "refused"))
    run(engine, NOTICE.format("evt_old", "clock_timestamp()"), NOTICE.format("evt_waiting", "NULL"))
    time_passes(181 * DAY)
    run(engine, NOTICE.format("evt_new", "clock_timestamp()"))
    run(engine, QUOTE_RUN.format("0Q02", "refused"), QUOTE_RUN.format("0Q02", "refused"))

    assert forget(engine, 180) == (1, 0)  # no run before the counters have it
    tallied(engine)
    before = counters(engine)
    assert forget(engine, 180) == (0, 3)
    assert forget(engine, 180) == (0, 0)

    assert counters(engine) == before
    assert column(engine, "SELECT external_id FROM notices ORDER BY id") == ["evt_waiting", "evt_new"]
    assert column(engine, "SELECT subject FROM runs ORDER BY id") == ["quote:0Q01", "quote:0Q02", "quote:0Q02"]
    assert column(engine, "SELECT ref_key FROM operations") == ["0Q01"]


def test_a_store_is_tidied_as_far_as_its_setting_says(
    database: str, engine: Engine, time_passes: Callable[[float], None]
) -> None:
    run(engine, NOTICE.format("evt_old", "clock_timestamp()"), QUOTE_RUN.format("0Q02", "done"))
    time_passes(40 * DAY)

    for days, left in (("180", ["evt_old"]), ("0", ["evt_old"]), ("31", [])):
        store = open_store(load({"HISTORY_DAYS": days}), database_url=database, stripe_account="acct_1")
        store.tidy()
        store.close()
        assert column(engine, "SELECT external_id FROM notices") == left
    assert column(engine, "SELECT value FROM tallies WHERE metric = 'ended'") == [1]


def test_the_last_run_of_a_record_stays_however_old_it_is(engine: Engine, time_passes: Callable[[float], None]) -> None:
    run(engine, QUOTE_RUN.format("0Q02", "refused"), QUOTE_RUN.format("0Q02", "refused"))
    time_passes(400 * DAY)
    tallied(engine)

    assert forget(engine, 180) == (0, 1)
    assert column(engine, "SELECT subject FROM runs") == ["quote:0Q02"]


def test_a_scrape_of_a_store_with_years_of_history_reads_the_last_day_of_it(
    engine: Engine, time_passes: Callable[[float], None]
) -> None:
    fill(engine, 20_000)
    time_passes(2 * DAY)
    tallied(engine)
    fill(engine, 50)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")
        plan = connection.execute(text(f"EXPLAIN (FORMAT JSON) {GAUGES_SQL}")).scalar_one()

    read_whole = {node["Relation Name"] for node in nodes(plan[0]["Plan"]) if node["Node Type"] == "Seq Scan"}

    assert not read_whole & GROWING
    assert told(engine)["ended", ("deal", "quote", "done"), None] == (20_050, None)


def fill(engine: Engine, many: int) -> None:
    run(
        engine,
        f"""INSERT INTO runs (subject, lane, token, trigger, as_of_at, digest, plan, outcome, closed_machine_at)
        SELECT 'quote:' || n, 'deal', 1, 'due', now(), 'd', '{{}}', 'done', clock_timestamp() FROM generate_series(1, {many}) AS n""",
        f"""INSERT INTO operations (run_id, ref_kind, ref_key, verb, revision, key, payload_hash, payload, before, state,
                                    first_sent_at, sent_machine_at, closed_machine_at)
        SELECT n, 'schedule', 'q' || n, 'create', 1, gen_random_uuid()::text, 'h', '{{}}', '{{}}', 'done', now(),
               clock_timestamp(), clock_timestamp() FROM generate_series(1, {many}) AS n""",
        f"""INSERT INTO notices (source, external_id, type, object_kind, object_id, processed_machine_at)
        SELECT 'stripe:acct_1', gen_random_uuid()::text, 'invoice.paid', 'invoice', 'in', clock_timestamp() FROM generate_series(1, {many})""",
        f"""INSERT INTO usage_events (source, identifier, event, customer, quantity, happened_at, state)
        SELECT 's', gen_random_uuid()::text, 'api', 'cus', 1, now(), 'sent' FROM generate_series(1, {many})""",
    )


def nodes(plan: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return [plan, *(node for below in plan.get("Plans", ()) for node in nodes(below))]


def column(engine: Engine, statement: str) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.exec_driver_sql(statement).scalars())
