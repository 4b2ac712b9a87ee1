"""`tandem demo`: the main job end to end against a sandbox of its own."""

from __future__ import annotations

from typing import Annotated

import typer

from sync.cli.exits import Misused
from sync.cli.options import Json, Yes


def demo(
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the world running afterwards, to play with, until Ctrl-C.")
    ] = False,
    json: Json = False,
    yes: Yes = False,
) -> int:
    """Show what Tandem does, end to end, in under a minute: no account, no service, nothing to set up.

    For example:
      tandem demo
      tandem demo --keep
    """
    from workers.demo import run_demo

    if keep and json:
        raise Misused("--keep is for people, --json for programs: give one of them.")
    return run_demo(as_json=json, keep=keep)
