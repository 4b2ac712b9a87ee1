"""``python -m sandbox --port 0 --ready-file F``: serve a Salesforce, a Stripe and the control port on loopback."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sandbox.salesforce.app import SalesforceHalf
from sandbox.sandbox import Sandbox
from sandbox.stripe.app import StripeHalf
from sandbox.world import World


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; 0 then. 2 when an address can't be had or the ready file not written."""
    options = _options(argv)
    world = World()
    world.add(StripeHalf(world))
    world.add(SalesforceHalf(world, options.namespace))
    # What is here by now stays, and a world has few circles: looking for garbage is most of what it would cost.
    gc.freeze()
    gc.set_threshold(20_000, 20, 10)
    ports = {"control": options.port, "stripe": options.stripe_port, "salesforce": options.salesforce_port}
    try:
        asyncio.run(_serve(world, ports, options.ready_file))
    except OSError as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 2
    return 0


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="sandbox", description="A Salesforce and a Stripe on loopback, in memory.")
    parser.add_argument("--port", type=_port, default=0, help="of the control port; 0 takes a free one")
    parser.add_argument("--stripe-port", type=_port, default=0)
    parser.add_argument("--salesforce-port", type=_port, default=0)
    parser.add_argument("--ready-file", type=Path, help="written once all is served, with addresses and credentials")
    parser.add_argument("--namespace", default="", help="namespace prefix of the CRM package; default none")
    return parser.parse_args(argv)


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"a port is a number from 0 to 65535, not {port}")
    return port


async def _serve(world: World, ports: dict[str, int], ready_file: Path | None) -> None:
    sandbox = Sandbox(world, ports)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, sandbox.stop)

    def when_ready(content: dict[str, Any]) -> None:
        if ready_file is not None:
            write_ready_file(ready_file, content)

    await sandbox.serve(when_ready)


def write_ready_file(target: Path, content: dict[str, Any]) -> None:
    """Write the file whole or not at all, readable by its owner only (it holds credentials)."""
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=2)
        file.write("\n")
    os.replace(name, target)


if __name__ == "__main__":
    sys.exit(main())
