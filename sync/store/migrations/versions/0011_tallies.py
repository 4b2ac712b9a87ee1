"""Counters of what is long over"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tallies",
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("labels", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("le", sa.Double(), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("total", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("metric", "labels", "le", name="tallies_key"),
    )
    op.create_index("usage_not_sent", "usage_events", ["state"], postgresql_where=sa.text("state <> 'sent'"))


def downgrade() -> None:
    op.drop_index("usage_not_sent", table_name="usage_events")
    op.drop_table("tallies")
