"""Connections and JSON: UTC, no floats, no text that the database would refuse."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, text
from sqlalchemy.exc import ProgrammingError

from sync.errors import Transient
from sync.records import Ref, Verb
from sync.store.engine import from_json, make_engine, plain_dsn, storable, storable_json, to_json

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def test_values_of_the_pipeline_become_plain_json() -> None:
    value = {
        "amount": Decimal("1E+2"),
        "day": date(2026, 3, 1),
        "at": datetime(2026, 3, 1, tzinfo=UTC),
        "ref": Ref("price", "tdm_1"),
        "verb": Verb.CREATE,
        "frozen": MappingProxyType({"b": {2, 1}}),
    }
    assert json.loads(to_json(value)) == {
        "amount": "100",
        "day": "2026-03-01",
        "at": "2026-03-01T00:00:00+00:00",
        "ref": "price:tdm_1",
        "verb": "create",
        "frozen": {"b": [1, 2]},
    }


@pytest.mark.parametrize("value", [float("nan"), float("inf"), datetime(2026, 3, 1)])  # noqa: DTZ001
def test_values_without_a_meaning_are_refused(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        to_json({"x": value})


def test_a_number_with_a_point_is_never_a_float() -> None:
    assert from_json('{"a": 1.10, "b": 2}') == {"a": Decimal("1.10"), "b": 2}


@given(ANY_JSON)
def test_whatever_is_stored_is_json_without_nul(value: object) -> None:
    text_ = to_json(value)
    assert storable(text_) == text_
    back = json.loads(text_)
    assert "\x00" not in json.dumps(back, ensure_ascii=False)
    assert storable_json(text_) == text_


def test_a_backslash_before_u0000_is_text_and_stays() -> None:
    assert json.loads(to_json({"path": "c:\\u0000", "nul": "a\x00b"})) == {"path": "c:\\u0000", "nul": "ab"}


def test_sessions_are_in_utc_and_end_what_hangs(database: str) -> None:
    engine = make_engine(database, name="quick", statement_timeout_s=0.2)
    try:
        with engine.connect() as connection:
            assert connection.execute(text("SHOW timezone")).scalar_one() == "UTC"
            assert connection.execute(text("SHOW application_name")).scalar_one() == "quick"
            assert connection.execute(text("SHOW transaction_isolation")).scalar_one() == "read committed"
            with pytest.raises(Transient, match="TEMP-406") as ended:
                connection.execute(text("SELECT pg_sleep(20)"))
            assert "statement timeout" in str(ended.value.__cause__)
    finally:
        engine.dispose()


def test_a_store_that_went_away_is_found_again(engine: Engine) -> None:
    with engine.connect() as connection:
        pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    other = engine.execution_options()
    with other.connect() as connection:
        connection.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = :pid AND pid <> pg_backend_pid()"),
            {"pid": pid},
        )
    with engine.connect() as connection:
        assert connection.execute(text("SELECT 1")).scalar_one() == 1


def test_a_connection_that_breaks_under_a_statement_will_pass(engine: Engine, other_engine: Engine) -> None:
    with engine.connect() as connection:
        pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        with other_engine.connect() as other:
            other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
        with pytest.raises(Transient, match="TEMP-406"):
            connection.execute(text("SELECT 1"))
    with engine.connect() as connection:
        assert connection.execute(text("SELECT 1")).scalar_one() == 1


def test_a_store_that_is_not_there_will_pass() -> None:
    away = make_engine("postgresql://nobody:secretword@127.0.0.1:1/none")
    with pytest.raises(Transient, match="TEMP-406") as caught:
        away.connect()
    assert "secretword" not in str(caught.value)


def test_a_wrong_statement_is_still_a_fault_of_ours(engine: Engine) -> None:
    with engine.connect() as connection, pytest.raises(ProgrammingError):
        connection.execute(text("SELECT * FROM nowhere"))


@pytest.mark.parametrize(
    ("url", "dsn"),
    [
        ("postgres://u:p%40ss@db:5432/x", "postgresql://u:p%40ss@db:5432/x"),
        ("postgresql://u@/x?host=/run/pg", "postgresql://u@/x?host=%2Frun%2Fpg"),
        ("postgresql+asyncpg://u@db/x", "postgresql://u@db/x"),
    ],
)
def test_an_address_can_be_handed_to_other_drivers(url: str, dsn: str) -> None:
    assert plain_dsn(url) == dsn
    assert make_engine(url).dialect.driver == "psycopg"
