"""The program's verbs, in the order in which `tandem --help` shows them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from sync.cli import (
    backfill,
    backup,
    check,
    db,
    demo,
    drain,
    explain,
    failures,
    identity,
    migrate,
    pause,
    places,
    preview,
    processes,
    reconcile,
    replay,
    sandbox,
    status,
    sync,
    timeline,
    up,
    usage,
)

EPILOG = (
    "Exit codes: 0 done, 1 some failed, 2 usage or configuration, 3 not found, 4 log-in or right missing, "
    "5 refused by a guard, 6 a side is away, 7 differences are left, 130 interrupted."
)

VERBS: tuple[Callable[..., Any], ...] = (
    demo.demo,
    up.up,
    processes.web,
    processes.worker,
    processes.scheduler,
    drain.drain,
    sandbox.sandbox,
    check.check,
    status.status,
    preview.preview,
    explain.explain,
    sync.sync,
    failures.failures,
    replay.replay,
    backfill.backfill,
    backup.backup,
    backup.restore,
    reconcile.reconcile,
    timeline.timeline,
    pause.pause,
    pause.resume,
)


def application() -> typer.Typer:
    """The program with all its verbs."""
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
    for verb in VERBS:
        app.command()(verb)
    app.add_typer(migrate.application(), name="migrate")
    app.add_typer(identity.application(), name="identity")
    app.add_typer(usage.application(), name="usage")
    app.add_typer(db.application(), name="db")
    return app


def _tandem(
    version: Annotated[
        bool,
        typer.Option("--version", help="Say which version this is.", is_eager=True, callback=lambda v: _version(v)),
    ] = False,
) -> None:
    pass


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"tandem {places.version()}")
        raise typer.Exit
