"""What was read from Stripe, and what was agreed."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, PrimaryKeyConstraint, Table, Text, func, literal_column
from sqlalchemy.dialects.postgresql import JSONB

from sync.store.tables.columns import metadata, stamp, words

facts = Table(
    "facts",
    metadata,
    Column("stripe_account", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("id", Text, nullable=False),
    words("customer", nullable=True),
    Column("deleted", Boolean, nullable=False),
    Column("body", JSONB, nullable=False),
    Column("fence", BigInteger, nullable=False),
    stamp("stored_machine_at", now=True),
    PrimaryKeyConstraint("stripe_account", "kind", "id"),
)
Index(
    "facts_of_customer",
    facts.c.stripe_account,
    facts.c.customer,
    facts.c.kind,
    postgresql_where=facts.c.customer.is_not(None),
)
Index(
    "customers_by_email",
    facts.c.stripe_account,
    func.lower(facts.c.body["email"].astext),
    postgresql_where=facts.c.kind == literal_column("'customer'"),
)
Index(
    "customers_by_account",
    facts.c.stripe_account,
    facts.c.body[("metadata", "salesforce_account_id")].astext,
    postgresql_where=facts.c.kind == literal_column("'customer'"),
)

signatures = Table(
    "signatures",
    metadata,
    Column("quote_id", Text, primary_key=True),
    stamp("signed_at", nullable=False),
)

promises = Table(
    "promises",
    metadata,
    Column("quote_id", Text, nullable=False),
    Column("input_digest", Text, nullable=False),
    Column("graph", JSONB, nullable=False),
    Column("preview", JSONB, nullable=False),
    stamp("signed_at", nullable=False),
    stamp("frozen_at"),
    Column("deal_key", Text, nullable=False),
    PrimaryKeyConstraint("quote_id", "input_digest"),
)
Index("promises_of_deal", promises.c.deal_key)
Index("promises_in_force", promises.c.quote_id, unique=True, postgresql_where=promises.c.frozen_at.is_not(None))
