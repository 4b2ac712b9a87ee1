"""`tandem demo`: the main job end to end against a sandbox of its own."""

from __future__ import annotations

from sync.cli.options import Json, Yes


def demo(json: Json = False, yes: Yes = False) -> int:
    """Show what Tandem does, end to end, in under a minute: no account, no service, nothing to set up.

    For example:
      tandem demo
    """
    from workers.demo import run_demo

    return run_demo(as_json=json)
