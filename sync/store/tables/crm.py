"""Rows on their way to Salesforce."""

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
    literal_column,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from sync.store.tables.columns import metadata, one_of, stamp, words

ROW_STATES = ("waiting", "sent", "failed")

crm_rows = Table(
    "crm_rows",
    metadata,
    Column("sobject", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("fence", BigInteger, nullable=False, server_default="0"),  # newest put, sent or not
    words("hash", nullable=True),  # acknowledged; NULL = not known what stands there
    words("salesforce_id", nullable=True),
    Column("content", JSONB),  # acknowledged
    words("request_id", nullable=True),
    stamp("acknowledged_machine_at"),
    PrimaryKeyConstraint("sobject", "key"),
)
Index(
    "crm_items_of_subscription",
    crm_rows.c.content[("parents", "Billing_Subscription__r", "2")].astext,
    postgresql_where=crm_rows.c.sobject == literal_column("'Billing_Subscription_Item__c'"),
)
Index("crm_rows_of_salesforce", crm_rows.c.salesforce_id, postgresql_where=crm_rows.c.salesforce_id.is_not(None))

crm_writes = Table(
    "crm_writes",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("sobject", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("group", Text, nullable=False),
    Column("content", JSONB, nullable=False),
    Column("hash", Text, nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("state", Text, nullable=False, server_default="waiting"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    stamp("queued_machine_at", now=True),
    stamp("retry_machine_at"),  # not before
    stamp("failing_machine_at"),  # first failure of this content
    Column(
        "parents", ARRAY(Text), nullable=False, server_default=text("'{}'::text[]")
    ),  # "<object>:<key>", rows of ours
    Column("flush_token", BigInteger),
    words("sent_hash", nullable=True),
    words("error_code", nullable=True),
    words("error_message", nullable=True),
    words("error_status", nullable=True),
    UniqueConstraint("sobject", "key"),
    one_of("state", ROW_STATES),
    CheckConstraint("(state = 'sent') = (flush_token IS NOT NULL)", name="sent_has_token"),
)
Index("crm_writes_waiting", crm_writes.c.id, postgresql_where=crm_writes.c.state == "waiting")
Index("crm_writes_of_group", crm_writes.c.group)
Index("crm_writes_failed", crm_writes.c.retry_machine_at, postgresql_where=crm_writes.c.state == "failed")
Index("crm_writes_sent", crm_writes.c.flush_token, postgresql_where=crm_writes.c.state == "sent")

flushers = Table(
    "flushers",
    metadata,
    Column("org", Text, primary_key=True),
    Column("lease_token", BigInteger),
    stamp("lease_until_machine_at"),
    stamp("wire_until_machine_at"),  # until here rows of the last call may still arrive
    stamp("flushed_machine_at"),
    stamp("not_before_machine_at"),
    CheckConstraint("(lease_token IS NULL) = (lease_until_machine_at IS NULL)", name="lease_whole"),
)
