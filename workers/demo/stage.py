"""Where the demo plays: `tandem up --sandbox` in a folder of its own, and the handles to it."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from sync import config, wiring
from sync.run.drain import Drained, drain
from sync.wiring import Services
from workers.demo.actors import HARNESS_NAME, Control, Crm, DemoFailed, Stripe
from workers.embedded import attach
from workers.sandbox import database_of_world, redis_database_of_world, world_id
from workers.stopping import stop_signals
from workers.supervisor import read_up_file

UP_WITHIN_S = 60.0
STOP_WITHIN_S = 60.0
#: The demo has its world for itself: it need not spare a vendor's limits, and makes Accounts for customers of the web site.
SETTINGS = {
    "SELF_SERVE_ACCOUNTS": "create",
    "STRIPE_REQUESTS_PER_S": "500",
    "FLUSH_EVERY_S": "1",
    "SETTLE_S": "0.2",
    "POLL_COLD_S": "3600",
    "LOG_LEVEL": "WARNING",
}
#: Of the surroundings, only what names no other world.
OTHER_WORLDS = ("STRIPE_", "SALESFORCE_", "DATABASE_URL", "REDIS_URL", "TANDEM_")


@dataclass
class Stage:
    """The running installation, its world, and the voice of the demo."""

    console: Console
    environment: dict[str, str]
    control: Control
    crm: Crm
    stripe: Stripe
    services: Services

    def say(self, text: str) -> None:
        """One line of the story."""
        self.console.print(f"[bold]{text}[/]")

    def typed(self, *arguments: str) -> str:
        """What a person sees who types this verb; shown, and returned."""
        self.console.print(f"  $ tandem {' '.join(arguments)}")
        command = [sys.executable, "-m", "sync", *arguments]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=120, check=False)
        seen = done.stdout + done.stderr
        for line in seen.splitlines():
            self.console.print(f"    {line}", markup=False)
        return seen

    def drain(self, why: str) -> Drained:
        """All that is due is done, by the running workers and this drain together; says what that took at both vendors."""
        before = self.last_seq()
        with self.console.status(f"{why} ..."):
            drained = drain(self.services.pipeline)
        made = [r for r in self.control.log(before) if r["client"] != HARNESS_NAME and r["effect"]]
        stripe = sum(r["system"] == "stripe" for r in made)
        waits = f", {len(drained.failed)} records wait for a person" if drained.failed else ""
        self.console.print(f"  {why}: {stripe} writes to Stripe, {len(made) - stripe} to Salesforce{waits}")
        return drained

    def keep(self) -> None:
        """The world runs on, and says how to reach it, until SIGINT or SIGTERM."""
        home, ready = self.environment["TANDEM_HOME"], self.control.ready()
        up = read_up_file(Path(home))
        web = f"http://127.0.0.1:{up['environment']['PORT']}" if up else ""
        for line in (
            "",
            "[bold]The world is kept.[/] In another terminal:",
            f"  export TANDEM_HOME={home}",
            "  tandem status",
            f"  what waits for a person: {web}/ops (any name, password {self.environment['OPS_TOKEN']})",
            f"  Stripe {ready['stripe_url']}, Salesforce {ready['salesforce']['url']}",
            f'  move its time: curl -X POST {self.control.url}/clock -d \'{{"now": "2026-03-05T00:00:00Z"}}\'',
            "Ctrl-C stops it, and nothing of it is left.",
        ):
            self.console.print(line)
        self.console.file.flush()
        with stop_signals() as stop:
            stop.wait()

    def last_seq(self) -> int:
        """The number of the newest exchange with either vendor."""
        return max((r["seq"] for r in self.control.log()), default=0)


@contextlib.contextmanager
def stage(console: Console) -> Iterator[Stage]:
    """`tandem up --sandbox` runs for the block, in a temporary home that is removed afterwards."""
    home = Path(tempfile.mkdtemp(prefix="tandem-demo-"))
    env = (
        {k: v for k, v in os.environ.items() if not k.startswith(OTHER_WORLDS)}
        | SETTINGS
        | {"TANDEM_HOME": str(home), "OPS_TOKEN": secrets.token_urlsafe(24)}
    )
    log = (home / "up.log").open("wb")
    console.print("[bold]Starting PostgreSQL, Valkey, a sandbox of both vendors, web, worker and scheduler[/]")
    process = subprocess.Popen(
        [sys.executable, "-m", "sync", "up", "--sandbox", "--port", "0"], env=env, stdout=log, stderr=log
    )
    try:
        control = _await(process, home)
        ready = control.ready()
        with _services(home, env, control.url) as services:
            yield Stage(console, env, control, Crm(ready), Stripe(ready), services)
    finally:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_WITHIN_S)
        process.kill()
        process.wait()
        log.close()
        shutil.rmtree(home, ignore_errors=True)


@contextlib.contextmanager
def _services(home: Path, env: dict[str, str], control_url: str) -> Iterator[Services]:
    """The pipeline of the same installation in this process, for draining; the workers run beside it."""
    world = world_id(control_url)
    settings = config.load({k: env[k] for k in SETTINGS} | {"TANDEM_SANDBOX_URL": control_url})
    with attach(home, database=database_of_world(world), redis_database=redis_database_of_world(world)) as servers:
        with contextlib.closing(
            wiring.build(settings, database_url=servers.database_url, redis_url=servers.redis_url, drain=True)
        ) as built:
            yield built


def _await(process: subprocess.Popen[bytes], home: Path) -> Control:
    deadline = time.monotonic() + UP_WITHIN_S
    while time.monotonic() < deadline and process.poll() is None:
        state = read_up_file(home)
        if (
            state
            and state["environment"].get("TANDEM_SANDBOX_URL")
            and {"web", "worker", "scheduler"} <= set(state["services"])
        ):
            control = Control(state["environment"]["TANDEM_SANDBOX_URL"])
            if _has_looked(control):
                return control
        time.sleep(0.1)
    raise DemoFailed(
        f"tandem up did not come up; its log ends with: {(home / 'up.log').read_text(errors='replace')[-2000:]}"
    )


def _has_looked(control: Control) -> bool:
    """Whether the scheduler has read both sides once: from here on nothing but the story moves anything."""
    seen = [r for r in control.log() if r["client"] != HARNESS_NAME]
    polls = sum(
        r["system"] == "salesforce" and r["path"].endswith("/composite") and "SystemModstamp" in str(r["params"])
        for r in seen
    )
    return polls >= 2 and any(r["path"] == "/v1/events" for r in seen)
