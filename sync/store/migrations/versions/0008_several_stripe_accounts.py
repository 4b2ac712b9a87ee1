"""What is due, done and counted on each of several Stripe accounts; what is there belongs to the one that the store began with"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

PARTED = ("subjects", "runs", "operations", "usage_events")


def upgrade() -> None:
    for table in PARTED:
        op.add_column(table, sa.Column("stripe_account", sa.Text(), nullable=False, server_default=""))
    op.drop_constraint("subjects_key", "subjects")
    op.create_primary_key("subjects_key", "subjects", ["key", "stripe_account"])
    of_quote = sa.text("left(key, 6) = 'quote:'")
    op.create_index("subjects_one_of_quote", "subjects", ["key"], unique=True, postgresql_where=of_quote)


def downgrade() -> None:
    # Refused by the database where two accounts have a subject of one name: there is no way back from two to one.
    op.drop_index("subjects_one_of_quote", "subjects")
    op.drop_constraint("subjects_key", "subjects")
    op.create_primary_key("subjects_key", "subjects", ["key"])
    for table in PARTED:
        op.drop_column(table, "stripe_account")
