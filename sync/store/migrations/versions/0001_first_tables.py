"""First tables"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


APPEND_ONLY = """
CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the audit trail is append-only'; END $$;
CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
"""


def upgrade() -> None:
    op.execute(sa.schema.CreateSequence(sa.Sequence("fences", data_type=sa.BigInteger())))
    op.create_table(
        "allowances",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("used", sa.BigInteger(), nullable=False),
        sa.Column("allowed", sa.BigInteger(), nullable=False),
        sa.Column(
            "told_machine_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("allowances_key")),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("happened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "written_machine_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("audit_key")),
    )
    op.create_index("audit_of_target", "audit", ["target", "id"], unique=False)
    op.create_table(
        "budgets",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("hour_machine_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("name", "lane", "hour_machine_at", name=op.f("budgets_key")),
    )
    op.create_table(
        "crm_rows",
        sa.Column("sobject", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fence", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("hash", sa.Text(), nullable=True),
        sa.Column("salesforce_id", sa.Text(), nullable=True),
        sa.Column("content", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("acknowledged_machine_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("sobject", "key", name=op.f("crm_rows_key")),
    )
    op.create_index(
        "crm_rows_of_salesforce",
        "crm_rows",
        ["salesforce_id"],
        unique=False,
        postgresql_where=sa.text("salesforce_id IS NOT NULL"),
    )
    op.create_table(
        "crm_writes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("sobject", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("group", sa.Text(), nullable=False),
        sa.Column("content", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column(
            "queued_machine_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("retry_machine_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failing_machine_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("parents", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False),
        sa.Column("flush_token", sa.BigInteger(), nullable=True),
        sa.Column("sent_hash", sa.Text(), nullable=True),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("error_status", sa.Text(), nullable=True),
        sa.CheckConstraint("(state = 'sent') = (flush_token IS NOT NULL)", name=op.f("crm_writes_sent_has_token")),
        sa.CheckConstraint("state IN ('waiting', 'sent', 'failed')", name=op.f("crm_writes_state_known")),
        sa.PrimaryKeyConstraint("id", name=op.f("crm_writes_key")),
        sa.UniqueConstraint("sobject", "key", name=op.f("crm_writes_sobject_key_unique")),
    )
    op.create_index(
        "crm_writes_failed",
        "crm_writes",
        ["retry_machine_at"],
        unique=False,
        postgresql_where=sa.text("state = 'failed'"),
    )
    op.create_index("crm_writes_of_group", "crm_writes", ["group"], unique=False)
    op.create_index(
        "crm_writes_sent", "crm_writes", ["flush_token"], unique=False, postgresql_where=sa.text("state = 'sent'")
    )
    op.create_index(
        "crm_writes_waiting", "crm_writes", ["id"], unique=False, postgresql_where=sa.text("state = 'waiting'")
    )
    op.create_table(
        "cursors",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "moved_machine_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("cursors_key")),
    )
    op.create_table(
        "facts",
        sa.Column("stripe_account", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("customer", sa.Text(), nullable=True),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("body", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column(
            "stored_machine_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("stripe_account", "kind", "id", name=op.f("facts_key")),
    )
    op.create_index(
        "facts_of_customer",
        "facts",
        ["stripe_account", "customer", "kind"],
        unique=False,
        postgresql_where=sa.text("customer IS NOT NULL"),
    )
    op.create_table(
        "flushers",
        sa.Column("org", sa.Text(), nullable=False),
        sa.Column("lease_token", sa.BigInteger(), nullable=True),
        sa.Column("lease_until_machine_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("wire_until_machine_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("flushed_machine_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("not_before_machine_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(lease_token IS NULL) = (lease_until_machine_at IS NULL)", name=op.f("flushers_lease_whole")
        ),
        sa.PrimaryKeyConstraint("org", name=op.f("flushers_key")),
    )
    op.create_table(
        "inputs_acted_on",
        sa.Column("object", sa.Text(), nullable=False),
        sa.Column("record_id", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("object", "record_id", name=op.f("inputs_acted_on_key")),
    )
    op.create_table(
        "installation",
        sa.Column("singleton", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("id", sa.Text(), server_default=sa.text("gen_random_uuid()::text"), nullable=False),
        sa.Column("epoch", sa.Integer(), server_default="1", nullable=False),
        sa.Column("realm", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.CheckConstraint("singleton", name=op.f("installation_only_one")),
        sa.PrimaryKeyConstraint("singleton", name=op.f("installation_key")),
    )
    op.create_table(
        "leaders",
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("until_machine_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("role", name=op.f("leaders_key")),
    )
    op.create_table(
        "links",
        sa.Column("stripe_account", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("salesforce_id", sa.Text(), nullable=False),
        sa.Column("stripe_kind", sa.Text(), nullable=False),
        sa.Column("stripe_id", sa.Text(), nullable=False),
        sa.Column("livemode", sa.Boolean(), nullable=False),
        sa.Column(
            "linked_machine_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("stripe_account", "key", name=op.f("links_key")),
        sa.UniqueConstraint("stripe_account", "stripe_id", name=op.f("links_stripe_account_stripe_id_unique")),
    )
    op.create_index("links_of_salesforce", "links", ["salesforce_id"], unique=False)
    op.create_table(
        "notices",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("object_kind", sa.Text(), nullable=False),
        sa.Column("object_id", sa.Text(), nullable=False),
        sa.Column("object_created_s", sa.BigInteger(), nullable=True),
        sa.Column(
            "related", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("body", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "received_machine_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("processed_machine_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fault", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("notices_key")),
        sa.UniqueConstraint("source", "external_id", name=op.f("notices_source_external_id_unique")),
    )
    op.create_index(
        "notices_unprocessed", "notices", ["id"], unique=False, postgresql_where=sa.text("processed_machine_at IS NULL")
    )
    op.create_table(
        "operations",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("ref_kind", sa.Text(), nullable=False),
        sa.Column("ref_key", sa.Text(), nullable=False),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), server_default="", nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("payload_hash", sa.Text(), nullable=False),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("before", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("state", sa.Text(), server_default="planned", nullable=False),
        sa.Column("answered", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("first_sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("remote_id", sa.Text(), nullable=True),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("replayed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column(
            "planned_machine_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("sent_machine_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("call_ends_machine_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_machine_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('planned', 'sent', 'done', 'failed', 'unknown')", name=op.f("operations_state_known")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("operations_key")),
    )
    op.create_index("operations_of_key", "operations", ["key"], unique=False)
    op.create_index("operations_of_ref", "operations", ["ref_kind", "ref_key", "id"], unique=False)
    op.create_index(
        "operations_of_remote",
        "operations",
        ["remote_id"],
        unique=False,
        postgresql_where=sa.text("remote_id IS NOT NULL"),
    )
    op.create_index(
        "operations_open",
        "operations",
        ["ref_kind", "ref_key"],
        unique=False,
        postgresql_where=sa.text("state IN ('sent', 'unknown')"),
    )
    op.create_index(op.f("operations_run_id"), "operations", ["run_id"], unique=False)
    op.create_table(
        "pauses",
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column(
            "since_machine_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("until_machine_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("scope IN ('stripe', 'salesforce', 'all')", name=op.f("pauses_scope_known")),
        sa.PrimaryKeyConstraint("scope", name=op.f("pauses_key")),
    )
    op.create_table(
        "promises",
        sa.Column("quote_id", sa.Text(), nullable=False),
        sa.Column("input_digest", sa.Text(), nullable=False),
        sa.Column("graph", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("preview", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("frozen_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("quote_id", "input_digest", name=op.f("promises_key")),
    )
    op.create_index(
        "promises_in_force", "promises", ["quote_id"], unique=True, postgresql_where=sa.text("frozen_at IS NOT NULL")
    )
    op.create_table(
        "runs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), server_default="", nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("as_of_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("plan", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("crm_request_id", sa.Text(), nullable=True),
        sa.Column(
            "opened_machine_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("closed_machine_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("lane IN ('deal', 'mirror', 'bulk')", name=op.f("runs_lane_known")),
        sa.PrimaryKeyConstraint("id", name=op.f("runs_key")),
    )
    op.create_index("runs_of_subject", "runs", ["subject", "id"], unique=False)
    op.create_index("runs_of_unit", "runs", ["unit", "id"], unique=False)
    op.create_table(
        "signatures",
        sa.Column("quote_id", sa.Text(), nullable=False),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("quote_id", name=op.f("signatures_key")),
    )
    op.create_table(
        "subjects",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), server_default="", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("revision", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("done_revision", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("hint_created_s", sa.BigInteger(), nullable=True),
        sa.Column(
            "marked_machine_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column(
            "ready_machine_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("retry_machine_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("retrying_machine_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("wake_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("blocked_on", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False),
        sa.Column("sum_minor", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_token", sa.BigInteger(), nullable=True),
        sa.Column("lease_revision", sa.BigInteger(), nullable=True),
        sa.Column("lease_until_machine_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("lane <> 'deal' OR unit <> ''", name=op.f("subjects_deal_has_unit")),
        sa.CheckConstraint("lane IN ('deal', 'mirror', 'bulk')", name=op.f("subjects_lane_known")),
        sa.CheckConstraint(
            "(lease_token IS NULL) = (lease_until_machine_at IS NULL)", name=op.f("subjects_lease_whole")
        ),
        sa.CheckConstraint("done_revision <= revision AND attempts >= 0", name=op.f("subjects_counts_sane")),
        sa.PrimaryKeyConstraint("key", name=op.f("subjects_key")),
        sa.UniqueConstraint("number", name=op.f("subjects_number_unique")),
    )
    op.create_index(
        "subjects_blocked_on",
        "subjects",
        ["blocked_on"],
        unique=False,
        postgresql_using="gin",
        postgresql_where=sa.text("failed_at IS NOT NULL"),
    )
    op.create_index(
        "subjects_due",
        "subjects",
        ["lane", "ready_machine_at"],
        unique=False,
        postgresql_where=sa.text("revision > done_revision"),
    )
    op.create_index(
        "subjects_due_of_unit", "subjects", ["unit"], unique=False, postgresql_where=sa.text("revision > done_revision")
    )
    op.create_index(
        "subjects_failed",
        "subjects",
        ["error_code", "failed_at"],
        unique=False,
        postgresql_where=sa.text("failed_at IS NOT NULL"),
    )
    op.create_index(
        "subjects_leased",
        "subjects",
        ["lease_token"],
        unique=False,
        postgresql_where=sa.text("lease_token IS NOT NULL"),
    )
    op.create_index(
        "subjects_waking", "subjects", ["wake_at"], unique=False, postgresql_where=sa.text("wake_at IS NOT NULL")
    )
    op.create_table(
        "units",
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("lease_token", sa.BigInteger(), nullable=True),
        sa.Column("lease_until_machine_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("merged_into", sa.Text(), nullable=True),
        sa.CheckConstraint("(lease_token IS NULL) = (lease_until_machine_at IS NULL)", name=op.f("units_lease_whole")),
        sa.CheckConstraint("merged_into IS NULL OR merged_into <> unit", name=op.f("units_not_into_itself")),
        sa.PrimaryKeyConstraint("unit", name=op.f("units_key")),
    )
    op.create_index(
        "units_leased", "units", ["lease_token"], unique=False, postgresql_where=sa.text("lease_token IS NOT NULL")
    )
    op.create_index(
        "units_merged", "units", ["merged_into"], unique=False, postgresql_where=sa.text("merged_into IS NOT NULL")
    )
    op.execute(APPEND_ONLY)


def downgrade() -> None:
    for table in (
        "allowances",
        "audit",
        "budgets",
        "crm_rows",
        "crm_writes",
        "cursors",
        "facts",
        "flushers",
        "inputs_acted_on",
        "installation",
        "leaders",
        "links",
        "notices",
        "operations",
        "pauses",
        "promises",
        "runs",
        "signatures",
        "subjects",
        "units",
    ):
        op.drop_table(table)
    op.execute("DROP FUNCTION audit_is_append_only()")
    op.execute("DROP SEQUENCE fences")
