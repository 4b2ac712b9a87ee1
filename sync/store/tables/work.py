"""What was said, what is due, and who holds it."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    func,
    literal_column,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from sync.store.tables.columns import LANES, metadata, one_of, stamp, words

notices = Table(
    "notices",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("source", Text, nullable=False),
    Column("external_id", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("object_kind", Text, nullable=False),
    Column("object_id", Text, nullable=False),
    Column("object_created_s", BigInteger),
    Column("related", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    words("body"),
    stamp("received_machine_at", now=True),
    stamp("processed_machine_at"),
    words("fault", nullable=True),  # why it could not be turned into a mark
    UniqueConstraint("source", "external_id"),
)
Index("notices_unprocessed", notices.c.id, postgresql_where=notices.c.processed_machine_at.is_(None))

subjects = Table(
    "subjects",
    metadata,
    Column("key", Text, nullable=False),
    Column("stripe_account", Text, nullable=False, server_default=""),  # '' for the account that the store began with
    Column("number", BigInteger, Identity(always=True), nullable=False, unique=True),
    Column("lane", Text, nullable=False),
    words("unit"),
    words("reason"),
    Column("revision", BigInteger, nullable=False, server_default="0"),
    Column("done_revision", BigInteger, nullable=False, server_default="0"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("hint_created_s", BigInteger),
    stamp("marked_machine_at", now=True),  # first mark since it was last looked at
    stamp("ready_machine_at", now=True),  # may be claimed from here: settled, or its back-off is over
    stamp("retry_machine_at"),
    stamp("retrying_machine_at"),  # first passing failure of this series
    stamp("wake_at"),
    words("error_code", nullable=True),
    words("error_message", nullable=True),
    Column("blocked_on", ARRAY(Text), nullable=False, server_default=text("'{}'::text[]")),
    Column("sum_minor", BigInteger),
    words("currency", nullable=True),
    stamp("failed_at"),
    Column("lease_token", BigInteger),
    Column("lease_revision", BigInteger),  # the revision that the holder saw
    stamp("lease_until_machine_at"),
    PrimaryKeyConstraint("key", "stripe_account"),
    one_of("lane", LANES),
    CheckConstraint("lane <> 'deal' OR unit <> ''", name="deal_has_unit"),
    CheckConstraint("done_revision <= revision AND attempts >= 0", name="counts_sane"),
    CheckConstraint("(lease_token IS NULL) = (lease_until_machine_at IS NULL)", name="lease_whole"),
)
_PENDING = subjects.c.revision > subjects.c.done_revision
_FAILED = subjects.c.failed_at.is_not(None)
Index(
    "subjects_one_of_quote",  # a quote is billed on one Stripe account
    subjects.c.key,
    unique=True,
    postgresql_where=func.left(subjects.c.key, 6) == literal_column("'quote:'"),
)
Index("subjects_due", subjects.c.lane, subjects.c.ready_machine_at, postgresql_where=_PENDING)
Index("subjects_due_of_unit", subjects.c.unit, postgresql_where=_PENDING)
Index("subjects_waking", subjects.c.wake_at, postgresql_where=subjects.c.wake_at.is_not(None))
Index("subjects_failed", subjects.c.error_code, subjects.c.failed_at, postgresql_where=_FAILED)
Index("subjects_blocked_on", subjects.c.blocked_on, postgresql_using="gin", postgresql_where=_FAILED)
Index("subjects_leased", subjects.c.lease_token, postgresql_where=subjects.c.lease_token.is_not(None))

units = Table(
    "units",
    metadata,
    Column("unit", Text, primary_key=True),
    Column("lease_token", BigInteger),
    stamp("lease_until_machine_at"),
    words("merged_into", nullable=True),
    CheckConstraint("(lease_token IS NULL) = (lease_until_machine_at IS NULL)", name="lease_whole"),
    CheckConstraint("merged_into IS NULL OR merged_into <> unit", name="not_into_itself"),
)
Index("units_leased", units.c.lease_token, postgresql_where=units.c.lease_token.is_not(None))
Index("units_merged", units.c.merged_into, postgresql_where=units.c.merged_into.is_not(None))
