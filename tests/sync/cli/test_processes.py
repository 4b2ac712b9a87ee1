"""`tandem up --sandbox` and `tandem sandbox` as processes: real web, worker and scheduler on embedded servers."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from sync.store.schema import upgrade
from tests.sync.cli.conftest import NEW_YEAR, Tandem, seats, signed
from tests.workers.processes import eventually, is_alive, of_home
from workers.demo.actors import Control, Crm, Stripe
from workers.embedded import attach_or_start
from workers.sandbox import database_of_world, world_id

ROOT = Path(__file__).parents[3]
CLEAN = ("DATABASE_URL", "REDIS_URL", "TANDEM_SANDBOX_URL", "STRIPE_API_KEY", "STRIPE_WEBHOOK_SECRET", "PORT", "HOST")


def environment(home: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in CLEAN}
    return {**kept, "PYTHONPATH": str(ROOT), "TANDEM_HOME": str(home), **more}


class Up:
    """A running `tandem up --sandbox --port 0 --json`."""

    def __init__(self, folder: Path, **more: str) -> None:
        self.home = folder / "home"
        self.environment = environment(self.home, LOG_LEVEL="DEBUG", SETTLE_S="0.1", FLUSH_EVERY_S="0.5", **more)
        self.log = folder / "log"
        with self.log.open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "sync", "up", "--sandbox", "--port", "0", "--json"],
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=folder,
                env=self.environment,
            )
        self.told: dict[str, Any] = json.loads(self._first_document())
        self.ready: dict[str, Any] = self.told["sandbox"]

    def _first_document(self) -> str:
        assert self.process.stdout is not None
        lines: list[str] = []
        while not lines or lines[-1] != "}\n":
            line = self.process.stdout.readline().decode()
            assert line, self.log.read_text()
            lines.append(line)
        return "".join(lines)

    def tandem(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The program in another terminal: it knows the home, and nothing else."""
        return subprocess.run(
            [sys.executable, "-m", "sync", *arguments],
            cwd=self.home,
            env=environment(self.home),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = json.loads((self.home / "up.json").read_text())
        return state

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(90)


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    folder = tmp_path_factory.mktemp("up")
    running = Up(folder)
    yield running
    if running.process.poll() is None:
        running.process.kill()
        running.process.wait()
    assert eventually(lambda: not of_home(running.home)), "the test left processes behind"


def status_of(crm: Crm, quote: str) -> str | None:
    shown: str | None = crm.query(f"SELECT Billing_Status__c FROM Quote WHERE Id = '{quote}'")[0]["Billing_Status__c"]
    return shown


def test_a_deal_goes_through_all_processes_and_its_invoice_comes_back(up: Up) -> None:
    control, crm, stripe = Control(up.ready["control_url"]), Crm(up.ready), Stripe(up.ready)
    control.move_clock(NEW_YEAR)
    quote = signed(crm, "Acme", seats(crm))

    assert eventually(lambda: status_of(crm, quote) == "Scheduled", within_s=60), up.log.read_text()[-4000:]

    control.move_clock("2026-02-01T02:00:00Z")

    def invoice_shown() -> bool:
        rows = crm.query("SELECT Status__c, Total__c FROM Billing_Invoice__c")
        return [(row["Status__c"], row["Total__c"]) for row in rows] == [("Open", 500)]

    assert eventually(invoice_shown, within_s=60), up.log.read_text()[-4000:]
    assert eventually(lambda: status_of(crm, quote) == "Live", within_s=60)
    assert len(stripe.all("subscription_schedules")) == 1
    [endpoint] = stripe.all("webhook_endpoints")
    assert endpoint["url"] == f"{up.told['web']}/webhooks/stripe"
    metrics = requests.get(f"{up.told['web']}/metrics", timeout=10).text
    assert re.search(r'tandem_webhooks_total\{result="stored",type="invoice"\} [1-9]', metrics)


def test_another_terminal_needs_only_the_home(up: Up, bare: Tandem, monkeypatch: pytest.MonkeyPatch) -> None:
    status = up.tandem("status", "--json")
    assert status.returncode == 0, status.stderr
    assert json.loads(status.stdout)["business_now"].startswith("2026-")

    monkeypatch.chdir(up.home)
    monkeypatch.setenv("TANDEM_HOME", str(up.home))
    drained = bare("drain")
    assert drained.code == 0, drained.out + drained.err
    assert bare("check", "--online").code == 0


def test_a_second_up_says_who_is_there_and_exits_2(up: Up, bare: Tandem, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TANDEM_HOME", str(up.home))
    second = bare("up", "--sandbox")
    assert second.code == 2
    assert str(up.process.pid) in second.err
    assert up.process.poll() is None


def test_a_killed_worker_comes_back_and_goes_on(up: Up) -> None:
    crm = Crm(up.ready)
    before = up.state()["services"]["worker"]["pid"]
    quote = signed(crm, "Bolt", seats(crm))
    os.kill(before, signal.SIGKILL)

    assert eventually(lambda: up.state()["services"]["worker"]["pid"] not in (None, before), within_s=30)
    assert eventually(lambda: status_of(crm, quote) is not None, within_s=90), up.log.read_text()[-4000:]


def test_no_secret_and_no_address_of_a_person_is_in_the_log(up: Up) -> None:
    text = up.log.read_text()
    assert '"event": "operation_applied"' in text, "the log holds nothing to look through"
    secrets = [
        up.ready["stripe"]["api_key"],
        up.ready["stripe"]["webhook_secret"],
        up.ready["salesforce"]["client_secret"],
    ]
    for secret in secrets:
        assert secret not in text
    assert not re.search(r"[\w.]+@(acme|bolt)\.example", text)
    assert "whsec_" not in text
    assert "Bearer " not in text


def test_every_line_of_the_log_of_a_process_is_json(up: Up) -> None:
    lines = [line for line in up.log.read_text().splitlines() if line.startswith("{")]
    assert len(lines) > 5
    for line in lines:
        said = json.loads(line)
        assert {"event", "time", "level", "process", "version"} <= set(said), line
    others = [line for line in up.log.read_text().splitlines() if line and not line.startswith("{")]
    assert not [line for line in others if line.startswith(("Traceback", "  File"))]


def test_it_ends_in_order_with_0_and_leaves_nothing(up: Up) -> None:
    pids = [service["pid"] for service in up.state()["services"].values()]
    assert up.end() == 0, up.log.read_text()[-4000:]
    assert not any(is_alive(pid) for pid in pids)
    assert not (up.home / "up.json").exists()


@pytest.fixture(scope="module")
def held_home(sandbox_process: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of another terminal on a home whose servers run, with our schema, for as long as the tests that use it."""
    home = tmp_path_factory.mktemp("held") / "home"
    with attach_or_start(home, database=database_of_world(world_id(sandbox_process))) as servers:
        upgrade(servers.database_url)
        yield environment(home, TANDEM_SANDBOX_URL=sandbox_process)
    assert eventually(lambda: not of_home(home)), "the tests left processes behind"


@pytest.mark.parametrize("name", ["worker", "scheduler", "web"])
def test_each_process_ends_with_0_when_asked(held_home: dict[str, str], name: str, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "sync", name, "--json", *(["--port", "0"] if name == "web" else [])],
        env=held_home,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "{\n"
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 0


def test_the_sandbox_says_how_to_use_it_and_ends_when_asked(tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    process = subprocess.Popen(
        [sys.executable, "-m", "sync", "sandbox", "--ready-file", str(ready)],
        env=environment(tmp_path / "home"),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    found = re.match(r"export TANDEM_SANDBOX_URL=(\S+)", process.stdout.readline())
    assert found
    assert json.loads(ready.read_text())["control_url"] == found[1]
    assert requests.get(f"{found[1]}/ready", timeout=10).json()["control_url"] == found[1]
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 0


def test_a_port_of_the_sandbox_that_is_taken_is_said_with_2(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        answer = subprocess.run(
            [sys.executable, "-m", "sync", "sandbox", "--port", str(taken.getsockname()[1])],
            env=environment(tmp_path / "home"),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert answer.returncode == 2
    assert answer.stdout == ""
    assert "in use" in answer.stderr


def test_a_port_that_is_taken_is_said_before_anything_starts(bare: Tandem, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = bare("up", "--sandbox", "--port", str(port))

    assert done.code == 2
    assert done.err == f"tandem: can't listen on 127.0.0.1 port {port}: Address already in use.\n"
    assert not (tmp_path / "home" / "postgres").exists()


def test_a_real_key_beside_a_sandbox_is_said_in_the_words_of_who_started_it(
    bare: Tandem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRIPE_API_KEY", "sk_live_1")
    done = bare("up", "--sandbox")

    assert done.code == 2
    assert "--sandbox stands beside STRIPE_API_KEY" in done.err
    assert "sk_live_1" not in done.err
