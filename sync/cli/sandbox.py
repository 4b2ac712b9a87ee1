"""`tandem sandbox`: a Salesforce and a Stripe on this machine, to try things against."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer

from sync.cli.exits import Exit
from sync.cli.options import Json, Yes
from sync.cli.output import Out
from workers.embedded.process import die_with_parent
from workers.sandbox import SandboxAway, await_ready, sandbox_command

PortNumber = Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")]


def sandbox(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Of the control port; 0 takes a free one.")] = 0,
    ready_file: Annotated[
        Path | None, typer.Option(help="Written once it serves: addresses and credentials, for its owner alone.")
    ] = None,
    stripe_port: PortNumber = 0,
    salesforce_port: PortNumber = 0,
    namespace: Annotated[str, typer.Option(help="Namespace prefix of the CRM package.")] = "",
    json: Json = False,
    yes: Yes = False,
) -> int:
    """Serve a Salesforce and a Stripe on loopback until stopped. Everything is in memory and gone afterwards.

    Tandem works against it with TANDEM_SANDBOX_URL set to its control URL, which is printed (or is in the ready file).

    For example:
      tandem sandbox
      tandem sandbox --port 4711 --ready-file ready.json
    """
    with tempfile.TemporaryDirectory(prefix="tandem-sandbox-") as folder:
        told = ready_file or Path(folder) / "ready.json"
        told.unlink(missing_ok=True)
        command = sandbox_command(
            port=port, stripe_port=stripe_port, salesforce_port=salesforce_port, ready_file=told, namespace=namespace
        )
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=die_with_parent(signal.SIGKILL))
        _pass_on_signals(child)
        try:
            ready = await_ready(told, child)
        except SandboxAway:
            return child.wait() or Exit.SOME_FAILED
        Out(json).answer("sandbox", ready, _lines(ready))
        sys.stdout.flush()
        return child.wait()


def _pass_on_signals(child: subprocess.Popen[bytes]) -> None:
    def pass_on(number: int, frame: FrameType | None) -> None:
        if child.poll() is None:
            child.send_signal(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, pass_on)


def _lines(ready: dict[str, Any]) -> list[str]:
    crm = ready["salesforce"]
    return [
        f"export TANDEM_SANDBOX_URL={ready['control_url']}",
        f"Stripe      {ready['stripe_url']}  key {ready['stripe']['api_key']}",
        f"Salesforce  {crm['url']}  client {crm['client_id']} {crm['client_secret']}",
    ]
