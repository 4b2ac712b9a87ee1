"""When an installation began: what was signed before is not billed by itself"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("installation", sa.Column("started_at", sa.DateTime(timezone=True), nullable=True))
    # An installation that is at work billed whatever was signed; it goes on like that.
    op.execute("UPDATE installation SET started_at = timestamptz '1970-01-01 00:00:00Z' WHERE realm IS NOT NULL")


def downgrade() -> None:
    op.drop_column("installation", "started_at")
