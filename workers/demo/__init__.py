"""`tandem demo`: the main job end to end against the sandbox, told as it happens.

The people in it are `actors`, the plot is `story`, where it plays is `stage`, what both sides say at the end is `sides`.
"""

from __future__ import annotations

import json
import sys
import time

from rich.console import Console

from sync import log
from workers.demo.actors import HARNESS_NAME, DemoFailed
from workers.demo.sides import Row, both_sides, problems, show
from workers.demo.stage import Stage, stage
from workers.demo.story import Told, tell

__all__ = ["run_demo"]


def run_demo(*, as_json: bool = False, keep: bool = False) -> int:
    """0 when both sides agree at the end and a second pass wrote nothing; 1 with what is unlike otherwise.

    With ``keep`` the world runs on until somebody stops it.
    """
    console = Console(file=sys.stderr if as_json else sys.stdout, highlight=False, soft_wrap=True)
    began = time.monotonic()
    log.configure(level="ERROR", process="demo")  # what is refused is part of the story, and told by it
    try:
        with stage(console) as here:
            told = tell(here)
            sides = both_sides(here)
            faults = [*problems(sides, told), *_second_pass(here, told)]
            if keep:
                _end(console, sides, told, faults, began)
                here.keep()
    except DemoFailed as error:
        console.print(f"[red]the demo failed:[/] {error}", markup=True)
        return 1
    if as_json:
        answer = {"schema": 1, "sides": sides, "second_pass_writes": told.second_pass, "problems": faults}
        sys.stdout.write(json.dumps(answer, default=str) + "\n")
    if not keep:
        _end(console, {} if as_json else sides, told, faults, began)
        console.print("Such a world to play with: tandem demo --keep. An empty one: tandem up --sandbox")
    return 1 if faults else 0


def _end(console: Console, sides: dict[str, list[Row]], told: Told, faults: list[str], began_s: float) -> None:
    """What it came to is said."""
    if sides:
        show(console, sides)
    for fault in faults:
        console.print(f"[red]unlike:[/] {fault}")
    console.print(f"second pass: {told.second_pass} writes")
    console.print(f"{'done' if not faults else 'FAILED'} in {time.monotonic() - began_s:.0f} s.")


def _second_pass(here: Stage, told: Told) -> list[str]:
    """Run everything once more: an unchanged world must see no write on either side."""
    before = here.last_seq()
    here.drain("A second pass over everything")
    written = [
        f"{r['method']} {r['path']}" for r in here.control.log(before) if r["effect"] and r["client"] != HARNESS_NAME
    ]
    told.second_pass = len(written)
    return [f"the second pass wrote: {line}" for line in written]
