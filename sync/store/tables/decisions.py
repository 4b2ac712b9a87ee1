"""What people decided or are asked, and who did what."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Date, Identity, Index, PrimaryKeyConstraint, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from sync.store.tables.columns import metadata, one_of, stamp, words

questions = Table(
    "questions",
    metadata,
    Column("stripe_account", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("accounts", JSONB, nullable=False),  # id -> what people call it
    Column("customers", JSONB, nullable=False),
    Column("evidence", Text, nullable=False),
    PrimaryKeyConstraint("stripe_account", "subject"),
)

kept_apart = Table(
    "kept_apart",
    metadata,
    Column("stripe_account", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("customer_id", Text, nullable=False),
    Column("by", Text, nullable=False),
    words("why"),
    stamp("decided_at", nullable=False),
    PrimaryKeyConstraint("stripe_account", "account_id", "customer_id"),
)
Index("kept_apart_customer", kept_apart.c.stripe_account, kept_apart.c.customer_id)

pauses = Table(
    "pauses",
    metadata,
    Column("scope", Text, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("owner", Text, nullable=False),
    stamp("since_machine_at", now=True),
    stamp("until_machine_at"),
    CheckConstraint("scope ~ '^(stripe(:[a-z][a-z0-9-]{0,30})?|salesforce|all)$'", name="scope_known"),
)

audit = Table(
    "audit",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    stamp("happened_at", nullable=False),
    stamp("written_machine_at", now=True),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("detail", JSONB, nullable=False),
)
Index("audit_of_target", audit.c.target, audit.c.id)

cohorts = Table(
    "cohorts",
    metadata,
    Column("quote_id", Text, primary_key=True),
    Column("cohort", Text, nullable=False),
    Column("paid_through", Date, nullable=False),
    Column("legacy_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("stage", Text, nullable=False),
    Column("ours_minor", BigInteger),
    words("digest"),
    words("code", nullable=True),
    words("detail"),
    stamp("moved_at"),
    stamp("written_machine_at", now=True),
    one_of("stage", ("planned", "equal", "unlike", "accepted", "blocked", "cut", "rolled back")),
)
Index("cohorts_by_name", cohorts.c.cohort, cohorts.c.quote_id)
