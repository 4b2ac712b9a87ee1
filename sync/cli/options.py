"""Options that several verbs share, each said once."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from sync.cli.exits import Refused

Json = Annotated[bool, typer.Option("--json", help="Answer with one JSON document on stdout.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask; needed where there is no terminal to ask at.")]
Apply = Annotated[bool, typer.Option("--apply", help="Do it. Without this, only say what would be done.")]
PlanDigest = Annotated[
    str | None,
    typer.Option(
        "--plan", metavar="DIGEST", help="With --apply: only what was reviewed under this digest; else exit 5."
    ),
]
Host = Annotated[str | None, typer.Option(help="Address to listen on; default is HOST, else 127.0.0.1.")]
Port = Annotated[int | None, typer.Option(min=0, max=65535, help="Default is PORT, else 8080; 0 takes a free one.")]


def agreed(question: str, *, yes: bool) -> None:
    """A person has agreed, by ``--yes`` or at the terminal. Refused when not, or when there is nobody to ask."""
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise Refused(f"{question} There is no terminal to ask at: say --yes.")
    if not typer.confirm(question, err=True):
        raise Refused("not agreed; nothing was done.")
