"""What was said is stored once, as received, before anything is done about it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import asyncpg
import pytest
from sqlalchemy import Engine, select

from sync.errors import Transient
from sync.ports import Mark, NewNotice, Notice
from sync.store.engine import plain_dsn
from sync.store.inbox import insert_notices_sql, notice_arrays
from sync.store.subjects import StoredSubjects
from sync.store.tables import notices
from tests.sync.store.samples import NOW


def notice(number: int = 1, **overrides: object) -> NewNotice:
    values: dict[str, object] = {
        "source": "stripe:acct_1",
        "external_id": f"evt_{number}",
        "type": "invoice.paid",
        "object_kind": "invoice",
        "object_id": f"in_{number}",
        "object_created_s": 1_767_225_600,
        "related": {"customer": "cus_1"},
        "body": '{"id": "evt"}',
    }
    return NewNotice(**{**values, **overrides})  # type: ignore[arg-type]


def marks_its_object(said: Notice) -> list[Mark]:
    return [Mark(f"{said.object_kind}:{said.object_id}", "mirror", "")]


def test_a_notice_told_twice_is_stored_once(subjects: StoredSubjects, engine: Engine) -> None:
    assert subjects.add_notices([notice(1), notice(2)]) == 2
    assert subjects.add_notices([notice(2), notice(3)]) == 1
    assert subjects.add_notices([notice(4), notice(4)]) == 1
    assert subjects.add_notices([]) == 0

    with engine.connect() as connection:
        assert sorted(connection.scalars(select(notices.c.external_id))) == ["evt_1", "evt_2", "evt_3", "evt_4"]


def test_the_same_id_from_another_source_is_another_notice(subjects: StoredSubjects) -> None:
    assert subjects.add_notices([notice(1), notice(1, source="stripe:acct_2")]) == 2


def test_a_notice_is_handed_on_as_it_was_received(subjects: StoredSubjects) -> None:
    given = notice(7, related={"customer": "cus_7", "invoice": "in_7"}, body='{"a": 1.50}')
    seen: list[Notice] = []

    def remember(said: Notice) -> list[Mark]:
        seen.append(said)
        return []

    subjects.add_notices([given])
    assert subjects.intake(remember) == 1

    (said,) = seen
    assert said.id > 0
    assert {name: getattr(said, name) for name in vars(given)} == vars(given)


def test_the_web_process_stores_many_notices_with_one_statement(subjects: StoredSubjects, database: str) -> None:
    async def insert() -> tuple[int, int]:
        connection = await asyncpg.connect(plain_dsn(database))
        try:
            statement = await connection.prepare(insert_notices_sql())
            first = await statement.fetch(*notice_arrays([notice(n) for n in range(300)]))
            again = await statement.fetch(*notice_arrays([notice(n) for n in range(290, 310)]))
            return len(first), len(again)
        finally:
            await connection.close()

    assert asyncio.run(insert()) == (300, 10)
    assert subjects.intake(marks_its_object) == 310


def test_text_that_the_database_cannot_store_does_not_spoil_its_neighbours(subjects: StoredSubjects) -> None:
    odd = notice(1, object_id="in_\x00", related={"customer": "c\x00us", "x": "\ud800"}, body="\ud800\x00")
    huge = notice(2, object_created_s=10**30)

    assert subjects.add_notices([odd, huge, notice(3)]) == 3

    seen: list[Notice] = []
    subjects.intake(lambda said: seen.append(said) or [])  # type: ignore[func-returns-value]
    assert [said.object_id for said in seen] == ["in_", "in_2", "in_3"]
    assert seen[0].related == {"customer": "cus", "x": "?"}
    assert seen[1].object_created_s is None


def test_two_writers_of_the_same_notices_in_opposite_order_do_not_wait_for_each_other(
    subjects: StoredSubjects, other_subjects: StoredSubjects
) -> None:
    batch = [notice(n) for n in range(400)]
    start = Barrier(2)

    def store(where: StoredSubjects, rows: list[NewNotice]) -> int:
        start.wait()
        return where.add_notices(rows)

    with ThreadPoolExecutor(2) as pool:
        for round_ in range(10):
            rows = [notice(0, external_id=f"{round_}-{n.external_id}") for n in batch]
            one = pool.submit(store, subjects, rows)
            two = pool.submit(store, other_subjects, rows[::-1])
            assert one.result(30) + two.result(30) == 400


def test_intake_takes_the_oldest_first_and_no_more_than_asked(subjects: StoredSubjects) -> None:
    subjects.add_notices([notice(n) for n in range(5)])
    seen: list[str] = []

    def remember(said: Notice) -> list[Mark]:
        seen.append(said.external_id)
        return marks_its_object(said)

    assert subjects.intake(remember, limit=3) == 3
    assert subjects.intake(remember, limit=3) == 2
    assert subjects.intake(remember, limit=3) == 0
    assert seen == [f"evt_{n}" for n in range(5)]


def test_two_intakes_at_once_take_different_notices(subjects: StoredSubjects, other_subjects: StoredSubjects) -> None:
    subjects.add_notices([notice(n) for n in range(10)])
    first_is_inside, second_is_done = Event(), Event()
    taken: dict[str, list[str]] = {"first": [], "second": []}

    def slow(said: Notice) -> list[Mark]:
        taken["first"].append(said.external_id)
        first_is_inside.set()
        assert second_is_done.wait(20)
        return marks_its_object(said)

    def quick(said: Notice) -> list[Mark]:
        taken["second"].append(said.external_id)
        return marks_its_object(said)

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(subjects.intake, slow, 4)
        assert first_is_inside.wait(20)
        assert other_subjects.intake(quick, 100) == 6
        second_is_done.set()
        assert first.result(20) == 4

    assert sorted(taken["first"] + taken["second"]) == [f"evt_{n}" for n in range(10)]


def test_an_intake_that_fails_leaves_its_notices_for_the_next(subjects: StoredSubjects) -> None:
    subjects.add_notices([notice(1), notice(2)])

    def store_is_down(said: Notice) -> list[Mark]:
        raise Transient("TEMP-406", "down")

    with pytest.raises(Transient):
        subjects.intake(store_is_down)

    assert subjects.intake(marks_its_object) == 2
    assert subjects.state("invoice:in_1") is not None


@pytest.mark.parametrize(
    "route",
    [
        lambda said: [Mark("no-subject", "mirror", "")],
        lambda said: [Mark("quote:0Q0", "deal", "")],
        lambda said: [Mark("quote:0Q0", "nonsense", "unit:001")],
        lambda said: {}["missing"],
        lambda said: None,
    ],
    ids=["no kind", "deal without unit", "unknown lane", "route fails", "route gives nothing"],
)
def test_a_notice_that_makes_no_sense_is_kept_with_the_reason_and_holds_up_no_other(
    subjects: StoredSubjects, engine: Engine, route: Callable[[Notice], list[Mark]]
) -> None:
    subjects.add_notices([notice(1), notice(2)])

    taken = subjects.intake(lambda said: route(said) if said.external_id == "evt_1" else marks_its_object(said))

    assert taken == 2
    assert subjects.state("invoice:in_2") is not None
    assert subjects.counts(now=NOW).notices == 0
    with engine.connect() as connection:
        fault = connection.scalar(select(notices.c.fault).where(notices.c.external_id == "evt_1"))
        assert fault
        assert "Error" in fault
