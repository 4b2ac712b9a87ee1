"""The program's verbs, in the order in which `tandem --help` shows them."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from types import ModuleType
from typing import Annotated

import typer

EPILOG = (
    "Exit codes: 0 done, 1 some failed, 2 usage or configuration, 3 not found, 4 log-in or right missing, "
    "5 refused by a guard, 6 a side is away, 7 differences are left, 130 interrupted."
)

#: Each verb with the file that it is in. A run reads in what its own verb needs, which is half of the time to start.
VERBS = {
    "demo": "demo",
    "up": "up",
    "web": "processes",
    "worker": "processes",
    "scheduler": "processes",
    "drain": "drain",
    "sandbox": "sandbox",
    "check": "check",
    "status": "status",
    "preview": "preview",
    "explain": "explain",
    "sync": "sync",
    "failures": "failures",
    "replay": "replay",
    "backfill": "backfill",
    "backup": "backup",
    "restore": "backup",
    "reconcile": "reconcile",
    "timeline": "timeline",
    "pause": "pause",
    "resume": "pause",
}
#: Verbs with verbs of their own, each in a file of its name.
GROUPS = ("migrate", "identity", "usage", "db")


def application(arguments: Sequence[str] = ()) -> typer.Typer:
    """The program as these arguments need it: with the verb that they begin with, else with all its verbs."""
    asked = arguments[0] if arguments and arguments[0] in (*VERBS, *GROUPS) else None
    app = typer.Typer(
        name="tandem",
        help="Keeps Salesforce and Stripe telling the same story: a signed quote becomes a subscription, and what is billed shows on the CRM record.",
        epilog=EPILOG,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_tandem)
    for verb in (name for name in VERBS if asked in (name, None)):
        app.command()(getattr(_file(VERBS[verb]), verb))
    for group in (name for name in GROUPS if asked in (name, None)):
        app.add_typer(_file(group).application(), name=group)
    return app


def _file(name: str) -> ModuleType:
    return import_module(f"sync.cli.{name}")


def _tandem(
    version: Annotated[
        bool,
        typer.Option("--version", help="Say which version this is.", is_eager=True, callback=lambda v: _version(v)),
    ] = False,
) -> None:
    pass


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"tandem {_file('places').version()}")
        raise typer.Exit
