"""`tandem db upgrade`: the schema of this release."""

from __future__ import annotations

from typing import Annotated

import typer

from sync.cli import places
from sync.cli.options import Json, Yes
from sync.cli.output import Out


def application() -> typer.Typer:
    """The verbs about the database itself."""
    app = typer.Typer(help="The database itself.", no_args_is_help=True)
    app.callback()(_db)
    app.command()(upgrade)
    return app


def _db() -> None:
    pass


def upgrade(
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing when all went well.")] = False,
    json: Json = False,
    yes: Yes = False,
) -> int:
    """Bring the database to the schema of this release; run it before the processes of a new release start.

    Several at once wait for each other; a second run changes nothing.

    For example:
      tandem db upgrade
      DATABASE_URL=postgresql://... REDIS_URL=redis://... tandem db upgrade
    """
    from sync import wiring

    with places.place(start=True) as here:
        version = wiring.upgrade(here.database_url)
    if not quiet:
        Out(json).answer("db-upgrade", {"version": version}, f"schema {version}")
    return 0
