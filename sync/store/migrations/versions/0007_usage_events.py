"""Usage on its way to Stripe"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def _stamp(name: str, *, nullable: bool = True, now: bool = False) -> sa.Column[object]:
    default = sa.func.clock_timestamp() if now else None
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable and not now, server_default=default)


def upgrade() -> None:
    op.create_table(
        "usage_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("identifier", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("customer", sa.Text(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        _stamp("happened_at", nullable=False),
        sa.Column("named", sa.Text(), nullable=False, server_default=""),
        sa.Column("state", sa.Text(), nullable=False, server_default="waiting"),
        sa.Column("tries", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("revision", sa.Integer(), nullable=False, server_default="0"),
        _stamp("received_machine_at", now=True),
        _stamp("retry_machine_at"),
        _stamp("first_sent_at"),
        _stamp("sent_at"),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="usage_events_key"),
        sa.UniqueConstraint("source", "identifier", name="usage_events_source_identifier_unique"),
        sa.CheckConstraint(
            "state IN ('waiting', 'sending', 'sent', 'refused', 'unknown', 'dropped')",
            name=op.f("usage_events_state_known"),
        ),
        sa.CheckConstraint("quantity >= 0", name=op.f("usage_events_quantity_counts_up")),
    )
    op.create_index("usage_unsent", "usage_events", ["id"], postgresql_where=sa.text("state IN ('waiting', 'sending')"))
    op.create_index("usage_of_customer", "usage_events", ["customer", "event", "happened_at"])
    op.create_index(
        "usage_set_aside", "usage_events", ["id"], postgresql_where=sa.text("state IN ('refused', 'unknown')")
    )


def downgrade() -> None:
    op.drop_table("usage_events")
