"""Customers are found by their e-mail, whatever its case, and items by their subscription"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "customers_by_email",
        "facts",
        ["stripe_account", sa.text("lower(body ->> 'email')")],
        postgresql_where=sa.text("kind = 'customer'"),
    )
    op.create_index(
        "crm_items_of_subscription",
        "crm_rows",
        [sa.text("(content #>> '{parents, Billing_Subscription__r, 2}')")],
        postgresql_where=sa.text("sobject = 'Billing_Subscription_Item__c'"),
    )


def downgrade() -> None:
    op.drop_index("crm_items_of_subscription", "crm_rows")
    op.drop_index("customers_by_email", "facts")
