"""The deal that a promise makes or changes"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("promises", sa.Column("deal_key", sa.Text(), nullable=True))
    op.execute("UPDATE promises SET deal_key = quote_id")  # only quotes that make a deal were taken until now
    op.alter_column("promises", "deal_key", nullable=False)
    op.create_index("promises_of_deal", "promises", ["deal_key"])


def downgrade() -> None:
    op.drop_index("promises_of_deal", "promises")
    op.drop_column("promises", "deal_key")
