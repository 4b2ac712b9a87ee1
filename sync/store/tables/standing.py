"""How far the processes are, whose installation this is, and what may still be called today."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from sync.store.tables.columns import metadata, stamp

cursors = Table(
    "cursors",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", JSONB, nullable=False),
    stamp("moved_machine_at", now=True),
)

inputs_acted_on = Table(
    "inputs_acted_on",
    metadata,
    Column("object", Text, nullable=False),
    Column("record_id", Text, nullable=False),
    Column("digest", Text, nullable=False),
    PrimaryKeyConstraint("object", "record_id"),
)

leaders = Table(
    "leaders",
    metadata,
    Column("role", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    stamp("until_machine_at", nullable=False),
)

installation = Table(
    "installation",
    metadata,
    Column("singleton", Boolean, primary_key=True, server_default=text("true")),
    Column("id", Text, nullable=False, server_default=text("gen_random_uuid()::text")),
    Column("epoch", Integer, nullable=False, server_default="1"),
    Column("realm", JSONB),
    stamp("started_at"),
    CheckConstraint("singleton", name="only_one"),
)

budgets = Table(
    "budgets",
    metadata,
    Column("name", Text, nullable=False),
    Column("lane", Text, nullable=False),
    stamp("hour_machine_at", nullable=False),
    Column("used", BigInteger, nullable=False, server_default="0"),
    PrimaryKeyConstraint("name", "lane", "hour_machine_at"),
)

allowances = Table(
    "allowances",
    metadata,
    Column("name", Text, primary_key=True),
    Column("used", BigInteger, nullable=False),
    Column("allowed", BigInteger, nullable=False),
    stamp("told_machine_at", now=True),
)

#: Counters of runs and operations that are over for good (`sync.store.tallies`); ``le`` is 0 for a number.
tallies = Table(
    "tallies",
    metadata,
    Column("metric", Text, nullable=False),
    Column("labels", ARRAY(Text), nullable=False),
    Column("le", Double, nullable=False),
    Column("value", Double, nullable=False),
    Column("total", Double),
    PrimaryKeyConstraint("metric", "labels", "le"),
)
