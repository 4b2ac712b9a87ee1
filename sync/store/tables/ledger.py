"""What was planned, sent and answered, and which ids belong together."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Identity,
    Index,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from sync.store.tables.columns import LANES, metadata, one_of, stamp, words

OPERATION_STATES = ("planned", "sent", "done", "failed", "unknown")

runs = Table(
    "runs",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("subject", Text, nullable=False),
    Column("stripe_account", Text, nullable=False, server_default=""),
    words("unit"),
    Column("lane", Text, nullable=False),
    Column("token", BigInteger, nullable=False),
    Column("trigger", Text, nullable=False),
    stamp("as_of_at", nullable=False),
    Column("digest", Text, nullable=False),
    Column("plan", JSONB, nullable=False),
    words("outcome", nullable=True),
    words("error_code", nullable=True),
    words("crm_request_id", nullable=True),
    stamp("opened_machine_at", now=True),
    stamp("closed_machine_at"),
    one_of("lane", LANES),
)
Index("runs_of_subject", runs.c.subject, runs.c.id)
Index("runs_of_unit", runs.c.unit, runs.c.id)

operations = Table(
    "operations",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("run_id", BigInteger, nullable=False, index=True),
    Column("stripe_account", Text, nullable=False, server_default=""),
    Column("ref_kind", Text, nullable=False),
    Column("ref_key", Text, nullable=False),
    Column("verb", Text, nullable=False),
    words("action"),
    Column("revision", BigInteger, nullable=False),
    Column("key", Text, nullable=False),
    Column("payload_hash", Text, nullable=False),
    Column("payload", JSONB, nullable=False),
    Column("before", JSONB, nullable=False),
    Column("state", Text, nullable=False, server_default="planned"),
    Column("answered", Boolean, nullable=False, server_default=text("false")),
    stamp("first_sent_at"),
    words("remote_id", nullable=True),
    words("error_code", nullable=True),
    words("error_message", nullable=True),
    words("request_id", nullable=True),
    Column("replayed", Boolean, nullable=False, server_default=text("false")),
    stamp("planned_machine_at", now=True),
    stamp("sent_machine_at"),
    stamp("call_ends_machine_at"),
    stamp("closed_machine_at"),
    one_of("state", OPERATION_STATES),
)
Index("operations_of_ref", operations.c.ref_kind, operations.c.ref_key, operations.c.id)
Index("operations_of_key", operations.c.key)
Index("operations_of_remote", operations.c.remote_id, postgresql_where=operations.c.remote_id.is_not(None))
Index(
    "operations_open",
    operations.c.ref_kind,
    operations.c.ref_key,
    postgresql_where=operations.c.state.in_(("sent", "unknown")),
)

links = Table(
    "links",
    metadata,
    Column("stripe_account", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("salesforce_id", Text, nullable=False),
    Column("stripe_kind", Text, nullable=False),
    Column("stripe_id", Text, nullable=False),
    Column("livemode", Boolean, nullable=False),
    stamp("linked_machine_at", now=True),
    PrimaryKeyConstraint("stripe_account", "key"),
    UniqueConstraint("stripe_account", "stripe_id"),
)
Index("links_of_salesforce", links.c.salesforce_id)
