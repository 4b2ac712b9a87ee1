"""The few SQL expressions that every part of the store shares: machine time, and many rows as one parameter each column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Float, Integer, Interval, bindparam, column, func, literal, literal_column, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import ScalarSelect, TableValuedAlias
from sqlalchemy.types import TypeEngine


def machine_now() -> ScalarSelect[Any]:
    """PostgreSQL's ``clock_timestamp()``, read once a statement, so that an index can be searched by it."""
    return select(func.clock_timestamp()).scalar_subquery()


def seconds(value: float | ColumnElement[Any]) -> ColumnElement[Any]:
    """An interval of ``value`` seconds."""
    zero: ColumnElement[int] = literal_column("0", Integer)
    amount = literal(float(value), Float) if isinstance(value, int | float) else value
    return func.make_interval(zero, zero, zero, zero, zero, zero, amount, type_=Interval())


def in_seconds(value: float | ColumnElement[Any]) -> ColumnElement[Any]:
    """The instant ``value`` seconds of machine time from now."""
    return machine_now() + seconds(value)


def seconds_until(instant: ColumnElement[Any]) -> ColumnElement[Any]:
    """Machine seconds from now until ``instant``: negative when it has passed, NULL for NULL."""
    return func.date_part("epoch", instant - machine_now(), type_=Float())


def unnested(name: str, **columns: tuple[TypeEngine[Any], Sequence[Any]]) -> TableValuedAlias:
    """Rows given as one array a column: a statement's text stays the same whatever the number of rows."""
    arrays = [literal(list(values), ARRAY(kind)) for kind, values in columns.values()]
    names = [column(column_name, kind) for column_name, (kind, _) in columns.items()]
    return func.unnest(*arrays).table_valued(*names).render_derived(name=name)


def told(name: str, **columns: TypeEngine[Any]) -> TableValuedAlias:
    """As `unnested`, for a statement that is made once: the arrays are its parameters ``name_column``."""
    arrays = [bindparam(f"{name}_{column_name}", type_=ARRAY(kind)) for column_name, kind in columns.items()]
    names = [column(column_name, kind) for column_name, kind in columns.items()]
    return func.unnest(*arrays).table_valued(*names).render_derived(name=name)
