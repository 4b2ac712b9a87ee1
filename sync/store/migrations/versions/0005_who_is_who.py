"""Questions about who a customer is, what people said, and customers found by the Account they carry"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "questions",
        sa.Column("stripe_account", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("accounts", JSONB, nullable=False),
        sa.Column("customers", JSONB, nullable=False),
        sa.Column("evidence", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("stripe_account", "subject", name="questions_key"),
    )
    op.create_table(
        "kept_apart",
        sa.Column("stripe_account", sa.Text, nullable=False),
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False, server_default=""),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("stripe_account", "account_id", "customer_id", name="kept_apart_key"),
    )
    op.create_index("kept_apart_customer", "kept_apart", ["stripe_account", "customer_id"])
    op.create_index(
        "customers_by_account",
        "facts",
        ["stripe_account", sa.text("(body #>> '{metadata, salesforce_account_id}')")],
        postgresql_where=sa.text("kind = 'customer'"),
    )


def downgrade() -> None:
    op.drop_index("customers_by_account", "facts")
    op.drop_table("kept_apart")
    op.drop_table("questions")
