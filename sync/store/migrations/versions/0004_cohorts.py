"""Contracts that are moved from another billing system"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

STAGES = ("planned", "equal", "unlike", "accepted", "blocked", "cut", "rolled back")


def upgrade() -> None:
    op.create_table(
        "cohorts",
        sa.Column("quote_id", sa.Text(), nullable=False),
        sa.Column("cohort", sa.Text(), nullable=False),
        sa.Column("paid_through", sa.Date(), nullable=False),
        sa.Column("legacy_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("ours_minor", sa.BigInteger(), nullable=True),
        sa.Column("digest", sa.Text(), server_default="", nullable=False),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "written_machine_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.CheckConstraint(f"stage IN ({', '.join(repr(s) for s in STAGES)})", name=op.f("cohorts_stage_known")),
        sa.PrimaryKeyConstraint("quote_id", name="cohorts_key"),
    )
    op.create_index("cohorts_by_name", "cohorts", ["cohort", "quote_id"])


def downgrade() -> None:
    op.drop_table("cohorts")
