"""Writes to one of several Stripe accounts can be paused"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_constraint(op.f("pauses_scope_known"), "pauses")
    op.create_check_constraint(
        op.f("pauses_scope_known"), "pauses", "scope ~ '^(stripe(:[a-z][a-z0-9-]{0,30})?|salesforce|all)$'"
    )


def downgrade() -> None:
    op.execute("DELETE FROM pauses WHERE scope LIKE 'stripe:%'")
    op.drop_constraint(op.f("pauses_scope_known"), "pauses")
    op.create_check_constraint(op.f("pauses_scope_known"), "pauses", "scope IN ('stripe', 'salesforce', 'all')")
