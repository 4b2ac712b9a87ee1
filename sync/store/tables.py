"""Every table of the store. PostgreSQL only; one row says one thing; states are checked by the database.

Two clocks, never in one column (DESIGN 3): ``…_machine_at`` is PostgreSQL's clock (leases, back-off, audit), ``…_at`` is business time.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Identity,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Sequence,
    Table,
    Text,
    UniqueConstraint,
    func,
    literal_column,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

metadata = MetaData(
    naming_convention={
        "ix": "%(table_name)s_%(column_0_N_name)s",
        "uq": "%(table_name)s_%(column_0_N_name)s_unique",
        "ck": "%(table_name)s_%(constraint_name)s",
        "pk": "%(table_name)s_key",
    }
)

LANES = ("deal", "mirror", "bulk")  # the most urgent first
OPERATION_STATES = ("planned", "sent", "done", "failed", "unknown")
USAGE_STATES = ("waiting", "sending", "sent", "refused", "unknown", "dropped")
ROW_STATES = ("waiting", "sent", "failed")

#: Fences and fencing tokens, one sequence for both: what is taken later is larger.
fences = Sequence("fences", metadata=metadata, data_type=BigInteger)


def _stamp(name: str, *, nullable: bool = True, now: bool = False) -> Column[object]:
    return Column(
        name,
        DateTime(timezone=True),
        nullable=nullable and not now,
        server_default=func.clock_timestamp() if now else None,
    )


def _words(name: str, *, nullable: bool = False) -> Column[str]:
    """Text that is '' when there is nothing to say, or NULL when that differs from ''."""
    return Column(name, Text, nullable=nullable, server_default=None if nullable else "")


def _one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    return CheckConstraint(f"{column} IN ({', '.join(repr(v) for v in values)})", name=f"{column}_known")


# ---------------------------------------------------------------- what was said, what is due, who holds it

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
    _words("body"),
    _stamp("received_machine_at", now=True),
    _stamp("processed_machine_at"),
    _words("fault", nullable=True),  # why it could not be turned into a mark
    UniqueConstraint("source", "external_id"),
)
Index("notices_unprocessed", notices.c.id, postgresql_where=notices.c.processed_machine_at.is_(None))

subjects = Table(
    "subjects",
    metadata,
    Column("key", Text, primary_key=True),
    Column("number", BigInteger, Identity(always=True), nullable=False, unique=True),
    Column("lane", Text, nullable=False),
    _words("unit"),
    _words("reason"),
    Column("revision", BigInteger, nullable=False, server_default="0"),
    Column("done_revision", BigInteger, nullable=False, server_default="0"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("hint_created_s", BigInteger),
    _stamp("marked_machine_at", now=True),  # first mark since it was last looked at
    _stamp("ready_machine_at", now=True),  # may be claimed from here: settled, or its back-off is over
    _stamp("retry_machine_at"),
    _stamp("retrying_machine_at"),  # first passing failure of this series
    _stamp("wake_at"),
    _words("error_code", nullable=True),
    _words("error_message", nullable=True),
    Column("blocked_on", ARRAY(Text), nullable=False, server_default=text("'{}'::text[]")),
    Column("sum_minor", BigInteger),
    _words("currency", nullable=True),
    _stamp("failed_at"),
    Column("lease_token", BigInteger),
    Column("lease_revision", BigInteger),  # the revision that the holder saw
    _stamp("lease_until_machine_at"),
    _one_of("lane", LANES),
    CheckConstraint("lane <> 'deal' OR unit <> ''", name="deal_has_unit"),
    CheckConstraint("done_revision <= revision AND attempts >= 0", name="counts_sane"),
    CheckConstraint("(lease_token IS NULL) = (lease_until_machine_at IS NULL)", name="lease_whole"),
)
_PENDING = subjects.c.revision > subjects.c.done_revision
_FAILED = subjects.c.failed_at.is_not(None)
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
    _stamp("lease_until_machine_at"),
    _words("merged_into", nullable=True),
    CheckConstraint("(lease_token IS NULL) = (lease_until_machine_at IS NULL)", name="lease_whole"),
    CheckConstraint("merged_into IS NULL OR merged_into <> unit", name="not_into_itself"),
)
Index("units_leased", units.c.lease_token, postgresql_where=units.c.lease_token.is_not(None))
Index("units_merged", units.c.merged_into, postgresql_where=units.c.merged_into.is_not(None))

# ---------------------------------------------------------------- the ledger

runs = Table(
    "runs",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("subject", Text, nullable=False),
    _words("unit"),
    Column("lane", Text, nullable=False),
    Column("token", BigInteger, nullable=False),
    Column("trigger", Text, nullable=False),
    _stamp("as_of_at", nullable=False),
    Column("digest", Text, nullable=False),
    Column("plan", JSONB, nullable=False),
    _words("outcome", nullable=True),
    _words("error_code", nullable=True),
    _words("crm_request_id", nullable=True),
    _stamp("opened_machine_at", now=True),
    _stamp("closed_machine_at"),
    _one_of("lane", LANES),
)
Index("runs_of_subject", runs.c.subject, runs.c.id)
Index("runs_of_unit", runs.c.unit, runs.c.id)

operations = Table(
    "operations",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("run_id", BigInteger, nullable=False, index=True),
    Column("ref_kind", Text, nullable=False),
    Column("ref_key", Text, nullable=False),
    Column("verb", Text, nullable=False),
    _words("action"),
    Column("revision", BigInteger, nullable=False),
    Column("key", Text, nullable=False),
    Column("payload_hash", Text, nullable=False),
    Column("payload", JSONB, nullable=False),
    Column("before", JSONB, nullable=False),
    Column("state", Text, nullable=False, server_default="planned"),
    Column("answered", Boolean, nullable=False, server_default=text("false")),
    _stamp("first_sent_at"),
    _words("remote_id", nullable=True),
    _words("error_code", nullable=True),
    _words("error_message", nullable=True),
    _words("request_id", nullable=True),
    Column("replayed", Boolean, nullable=False, server_default=text("false")),
    _stamp("planned_machine_at", now=True),
    _stamp("sent_machine_at"),
    _stamp("call_ends_machine_at"),
    _stamp("closed_machine_at"),
    _one_of("state", OPERATION_STATES),
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
    _stamp("linked_machine_at", now=True),
    PrimaryKeyConstraint("stripe_account", "key"),
    UniqueConstraint("stripe_account", "stripe_id"),
)
Index("links_of_salesforce", links.c.salesforce_id)

# ---------------------------------------------------------------- who is who

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
    _words("why"),
    _stamp("decided_at", nullable=False),
    PrimaryKeyConstraint("stripe_account", "account_id", "customer_id"),
)
Index("kept_apart_customer", kept_apart.c.stripe_account, kept_apart.c.customer_id)

# ---------------------------------------------------------------- what was read, what was agreed

facts = Table(
    "facts",
    metadata,
    Column("stripe_account", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("id", Text, nullable=False),
    _words("customer", nullable=True),
    Column("deleted", Boolean, nullable=False),
    Column("body", JSONB, nullable=False),
    Column("fence", BigInteger, nullable=False),
    _stamp("stored_machine_at", now=True),
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
    _stamp("signed_at", nullable=False),
)

promises = Table(
    "promises",
    metadata,
    Column("quote_id", Text, nullable=False),
    Column("input_digest", Text, nullable=False),
    Column("graph", JSONB, nullable=False),
    Column("preview", JSONB, nullable=False),
    _stamp("signed_at", nullable=False),
    _stamp("frozen_at"),
    Column("deal_key", Text, nullable=False),
    PrimaryKeyConstraint("quote_id", "input_digest"),
)
Index("promises_of_deal", promises.c.deal_key)
Index("promises_in_force", promises.c.quote_id, unique=True, postgresql_where=promises.c.frozen_at.is_not(None))

# ---------------------------------------------------------------- usage on its way to Stripe

usage_events = Table(
    "usage_events",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("source", Text, nullable=False),
    Column("identifier", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("customer", Text, nullable=False),
    Column("quantity", BigInteger, nullable=False),
    _stamp("happened_at", nullable=False),
    _words("named"),  # by what the row named its customer: an Account, a subscription
    Column("state", Text, nullable=False, server_default="waiting"),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("revision", Integer, nullable=False, server_default="0"),  # part of the idempotency key
    _stamp("received_machine_at", now=True),
    _stamp("retry_machine_at"),  # not before
    _stamp("first_sent_at"),  # Stripe remembers the identifier for 24 h from here
    _stamp("sent_at"),
    _words("request_id", nullable=True),
    _words("error_code", nullable=True),
    _words("error_message", nullable=True),
    UniqueConstraint("source", "identifier"),
    _one_of("state", USAGE_STATES),
    CheckConstraint("quantity >= 0", name="quantity_counts_up"),
)
_UNSENT = usage_events.c.state.in_(("waiting", "sending"))
Index("usage_unsent", usage_events.c.id, postgresql_where=_UNSENT)
Index("usage_of_customer", usage_events.c.customer, usage_events.c.event, usage_events.c.happened_at)
Index("usage_set_aside", usage_events.c.id, postgresql_where=usage_events.c.state.in_(("refused", "unknown")))

# ---------------------------------------------------------------- towards the CRM

crm_rows = Table(
    "crm_rows",
    metadata,
    Column("sobject", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("fence", BigInteger, nullable=False, server_default="0"),  # newest put, sent or not
    _words("hash", nullable=True),  # acknowledged; NULL = not known what stands there
    _words("salesforce_id", nullable=True),
    Column("content", JSONB),  # acknowledged
    _words("request_id", nullable=True),
    _stamp("acknowledged_machine_at"),
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
    _stamp("queued_machine_at", now=True),
    _stamp("retry_machine_at"),  # not before
    _stamp("failing_machine_at"),  # first failure of this content
    Column(
        "parents", ARRAY(Text), nullable=False, server_default=text("'{}'::text[]")
    ),  # "<object>:<key>", rows of ours
    Column("flush_token", BigInteger),
    _words("sent_hash", nullable=True),
    _words("error_code", nullable=True),
    _words("error_message", nullable=True),
    _words("error_status", nullable=True),
    UniqueConstraint("sobject", "key"),
    _one_of("state", ROW_STATES),
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
    _stamp("lease_until_machine_at"),
    _stamp("wire_until_machine_at"),  # until here rows of the last call may still arrive
    _stamp("flushed_machine_at"),
    _stamp("not_before_machine_at"),
    CheckConstraint("(lease_token IS NULL) = (lease_until_machine_at IS NULL)", name="lease_whole"),
)

# ---------------------------------------------------------------- small things with a name

cursors = Table(
    "cursors",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", JSONB, nullable=False),
    _stamp("moved_machine_at", now=True),
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
    _stamp("until_machine_at", nullable=False),
)

installation = Table(
    "installation",
    metadata,
    Column("singleton", Boolean, primary_key=True, server_default=text("true")),
    Column("id", Text, nullable=False, server_default=text("gen_random_uuid()::text")),
    Column("epoch", Integer, nullable=False, server_default="1"),
    Column("realm", JSONB),
    _stamp("started_at"),
    CheckConstraint("singleton", name="only_one"),
)

pauses = Table(
    "pauses",
    metadata,
    Column("scope", Text, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("owner", Text, nullable=False),
    _stamp("since_machine_at", now=True),
    _stamp("until_machine_at"),
    _one_of("scope", ("stripe", "salesforce", "all")),
)

budgets = Table(
    "budgets",
    metadata,
    Column("name", Text, nullable=False),
    Column("lane", Text, nullable=False),
    _stamp("hour_machine_at", nullable=False),
    Column("used", BigInteger, nullable=False, server_default="0"),
    PrimaryKeyConstraint("name", "lane", "hour_machine_at"),
)

allowances = Table(
    "allowances",
    metadata,
    Column("name", Text, primary_key=True),
    Column("used", BigInteger, nullable=False),
    Column("allowed", BigInteger, nullable=False),
    _stamp("told_machine_at", now=True),
)

audit = Table(
    "audit",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    _stamp("happened_at", nullable=False),
    _stamp("written_machine_at", now=True),
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
    _words("digest"),
    _words("code", nullable=True),
    _words("detail"),
    _stamp("moved_at"),
    _stamp("written_machine_at", now=True),
    _one_of("stage", ("planned", "equal", "unlike", "accepted", "blocked", "cut", "rolled back")),
)
Index("cohorts_by_name", cohorts.c.cohort, cohorts.c.quote_id)
