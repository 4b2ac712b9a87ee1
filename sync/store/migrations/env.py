"""How alembic reaches the database: over the connection that `sync.store.schema` hands it, or DATABASE_URL for a developer's command."""

import os

from alembic import context

from sync.store.engine import make_engine
from sync.store.tables import metadata

OPTIONS = {
    "target_metadata": metadata,
    "compare_type": True,
    "compare_server_default": True,
    "transaction_per_migration": True,
}


def run(connection) -> None:
    context.configure(connection=connection, **OPTIONS)
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    with make_engine(os.environ["DATABASE_URL"], pooled=False).connect() as own:
        run(own)
        own.commit()
