"""``python -m sandbox`` as a process: ready file, addresses, end."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

ROOT = Path(__file__).parents[2]
START_WITHIN_S = 30.0


def start(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "sandbox", *arguments]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)


def wait_for(file: Path, process: subprocess.Popen[str]) -> dict[str, Any]:
    deadline = time.monotonic() + START_WITHIN_S
    while not file.exists():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline, "not ready in time"
        time.sleep(0.02)
    return dict(json.loads(file.read_text()))


@pytest.fixture
def ready_file(tmp_path: Path) -> Path:
    return tmp_path / "ready.json"


@pytest.fixture
def process(ready_file: Path) -> Iterator[subprocess.Popen[str]]:
    process = start("--port", "0", "--ready-file", str(ready_file))
    yield process
    process.kill()
    process.wait()
    assert process.stderr is not None
    process.stderr.close()


def test_ready_file_names_everything_and_the_process_ends_promptly(
    process: subprocess.Popen[str], ready_file: Path
) -> None:
    ready = wait_for(ready_file, process)
    assert stat.S_IMODE(ready_file.stat().st_mode) == 0o600
    assert set(ready) == {"control_url", "stripe_url", "stripe", "salesforce"}
    assert set(ready["stripe"]) == {"api_key", "webhook_secret"}
    assert {"url", "token_url", "client_id", "client_secret", "api_version"} <= set(ready["salesforce"])
    assert ready["salesforce"]["api_version"] == "66.0"
    assert requests.get(f"{ready['control_url']}/ready", timeout=10).json() == ready
    held = requests.Session()
    held.auth = (ready["stripe"]["api_key"], "")
    assert held.get(f"{ready['stripe_url']}/v1/customers", timeout=10).status_code == 200
    assert requests.get(f"{ready['salesforce']['url']}/services/data", timeout=10).status_code == 200
    process.send_signal(signal.SIGTERM)
    assert process.wait(5) == 0
    assert process.communicate()[1] == ""


def test_a_client_that_hangs_does_not_hold_up_the_end(process: subprocess.Popen[str], ready_file: Path) -> None:
    ready = wait_for(ready_file, process)
    fault = {"system": "stripe", "kind": "timeout_after_effect", "next": 1}
    requests.post(f"{ready['control_url']}/faults", json=fault, timeout=10)
    key = ready["stripe"]["api_key"]
    code = f"import requests; requests.get('{ready['stripe_url']}/v1/customers', auth=('{key}', ''))"
    hanging = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 10
    while not requests.get(f"{ready['control_url']}/log", timeout=10).text and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0
    assert hanging.wait(10) != 0


def test_a_taken_port_is_exit_2_with_a_word_about_it(process: subprocess.Popen[str], ready_file: Path) -> None:
    ready = wait_for(ready_file, process)
    port = ready["control_url"].split(":")[2].split("/")[0]
    second = start("--port", port)
    assert second.wait(START_WITHIN_S) == 2
    assert "in use" in second.communicate()[1]


def test_a_ready_file_that_cannot_be_written_is_exit_2(tmp_path: Path) -> None:
    process = start("--ready-file", str(tmp_path / "none" / "ready.json"))
    assert process.wait(START_WITHIN_S) == 2
    assert "ready.json" in process.communicate()[1]


@pytest.mark.parametrize("arguments", [["--port", "x"], ["--port", "70000"], ["--unknown"]])
def test_wrong_arguments_are_exit_2(arguments: list[str]) -> None:
    process = start(*arguments)
    assert process.wait(START_WITHIN_S) == 2
    assert "usage" in process.communicate()[1]


def test_nothing_listens_beyond_loopback(process: subprocess.Popen[str], ready_file: Path) -> None:
    ready = wait_for(ready_file, process)
    addresses = [ready["control_url"], ready["stripe_url"], ready["salesforce"]["url"]]
    ports = {int(url.split(":")[2].split("/")[0]) for url in addresses}
    listening = Path(f"/proc/{process.pid}/net/tcp")
    if not os.path.exists(listening):
        assert all(url.startswith("http://127.0.0.1:") for url in addresses)
        return
    rows = [line.split()[1] for line in listening.read_text().splitlines()[1:]]
    bound = {int(port, 16): host for host, port in (row.split(":") for row in rows)}
    assert {bound[port] for port in ports} == {"0100007F"}
