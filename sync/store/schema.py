"""The schema and its versions: bringing a database up to ours, and refusing one that is neither ours nor one before."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, func, literal, select

from sync.store.engine import make_engine

MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK = 0x7A4D
_UPGRADE_TIMEOUT_S = 3600.0


class SchemaNotOurs(Exception):
    """The database's schema is neither that of this release nor the one before. ``found`` is None for a database without
    tables; ``known`` says whether it is a version that this release could upgrade.
    """

    def __init__(self, found: str | None, wanted: str, *, known: bool = True) -> None:
        has = "no tables of Tandem yet" if found is None else f"schema version {found}"
        what_to_do = (
            "Run `tandem db upgrade`." if known else "It is of another release, probably a newer one: run that release."
        )
        super().__init__(
            f"The database has {has}; this release works with version {wanted} and the one before. {what_to_do}"
        )
        self.found = found
        self.wanted = wanted


def upgrade(url: str) -> str:
    """The database has the schema of this release; returns its version. Several at once wait for each other, and a second
    run changes nothing. SchemaNotOurs for a version that this release does not know; nothing was changed then.
    """
    engine = make_engine(url, name="tandem-upgrade", statement_timeout_s=_UPGRADE_TIMEOUT_S, pooled=False)
    try:
        with engine.connect() as connection:
            connection.execute(select(func.pg_advisory_lock(literal(_LOCK))))
            # The lock belongs to the session: it outlives the commits of the migrations and ends with the connection.
            connection.commit()
            config = alembic_config()
            _refuse_unknown(current_version(connection), ScriptDirectory.from_config(config))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
            return current_version(connection) or ""
    finally:
        engine.dispose()


def check_schema(engine: Engine) -> str:
    """The version found, if this release can work with it: its own, or the one before while a deployment rolls. SchemaNotOurs otherwise."""
    scripts = ScriptDirectory.from_config(alembic_config())
    head = scripts.get_current_head() or ""
    before = scripts.get_revision(head).down_revision
    with engine.connect() as connection:
        found = current_version(connection)
    _refuse_unknown(found, scripts)
    if found is None or found not in {head, before}:
        raise SchemaNotOurs(found, head)
    return found


def _refuse_unknown(found: str | None, scripts: ScriptDirectory) -> None:
    """SchemaNotOurs for a version that is none of ours, such as that of a newer release."""
    known = {script.revision for script in scripts.walk_revisions()}
    if found is not None and found not in known:
        raise SchemaNotOurs(found, scripts.get_current_head() or "", known=False)


def current_version(connection: Connection) -> str | None:
    """The schema version of the database, None when it has none."""
    return MigrationContext.configure(connection).get_current_revision()


def alembic_config() -> Config:
    """Alembic's configuration for the packaged migrations; no file is read."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config
