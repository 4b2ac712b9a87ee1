"""The sandbox as a process of its own: how to start it, what it says when it serves. It is spoken to over HTTP only."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import requests

from workers.service import Service

#: Machine seconds: to connect, to answer. A sandbox is on this machine.
WITHIN_S = (3, 10)
SOON_S = (1, 2)
WORLD_HEADER = "X-Tandem-Sandbox"
STRIPE_VERSION = "2026-10-28.endive"


class SandboxAway(Exception):
    """No sandbox answers at the control URL, or what answers is none."""

    exit_code = 6


def sandbox_command(
    *,
    port: int = 0,
    stripe_port: int = 0,
    salesforce_port: int = 0,
    ready_file: Path | None = None,
    namespace: str = "",
) -> list[str]:
    """The command that serves a sandbox on loopback; ports that are 0 are free ones."""
    command = [sys.executable, "-m", "sandbox", "--port", str(port)]
    for name, value in (("--stripe-port", stripe_port), ("--salesforce-port", salesforce_port)):
        command += [name, str(value)] if value else []
    command += ["--ready-file", str(ready_file)] if ready_file else []
    return command + (["--namespace", namespace] if namespace else [])


def sandbox_service(ready_file: Path, *, namespace: str = "") -> Service:
    """The sandbox as a child of `tandem up`. Its world lives in its memory, so it is not started again when it ends."""
    command = sandbox_command(ready_file=ready_file, namespace=namespace)
    return Service("sandbox", command, stop_within_s=10, restart=False, ready_file=ready_file)


def await_ready(ready_file: Path, process: subprocess.Popen[bytes], *, within_s: float = 60.0) -> dict[str, Any]:
    """What the ready file says once the process serves. SandboxAway when it ends before, or takes longer."""
    deadline = time.monotonic() + within_s
    while not ready_file.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise SandboxAway("the sandbox ended, or was not ready in time")
        time.sleep(0.02)
    ready: dict[str, Any] = json.loads(ready_file.read_text(encoding="utf-8"))
    return ready


def world_id(control_url: str) -> str:
    """The id of the world that this sandbox holds now. SandboxAway when there is none."""
    found = _get(f"{control_url}/clock").headers.get(WORLD_HEADER, "")
    if not found:
        raise SandboxAway(f"what answers at {_shown(control_url)} is no sandbox")
    return found


def world_now(control_url: str) -> str | None:
    """As `world_id`, but soon: None while the sandbox is busy, or gone."""
    try:
        return requests.get(f"{control_url}/clock", timeout=SOON_S).headers.get(WORLD_HEADER)
    except requests.RequestException:
        return None


def database_of_world(world: str) -> str:
    """The name of the database that belongs to this world alone: what one world's Stripe said must never meet another's."""
    return "sandbox_" + re.sub(r"[^a-z0-9_]", "_", world.lower())[:50]


def redis_database_of_world(world: str) -> int:
    """One of the 15 numbered databases beside the first: rings of one world are heard by its own workers."""
    return 1 + sum(world.encode()) % 15


def stripe_accounts(ready: Mapping[str, Any], names: Sequence[str]) -> dict[str, str]:
    """The sandbox has a Stripe account of each of these names; returns their API keys by name. SandboxAway when it refuses."""
    url = f"{ready['control_url']}/stripe_accounts"
    there = {str(one["name"]): str(one["api_key"]) for one in _get(url).json()["stripe_accounts"]}
    for name in (n for n in names if n not in there):
        answer = requests.post(url, json={"name": name}, timeout=WITHIN_S)
        if answer.status_code != 200:
            raise SandboxAway(f"the sandbox made no Stripe account {name} (HTTP {answer.status_code})")
        there[name] = str(answer.json()["api_key"])
    return {name: there[name] for name in names}


def register_webhook(ready: Mapping[str, Any], url: str) -> str:
    """A webhook endpoint at ``url`` for all events exists in the sandbox's Stripe; returns its id. SandboxAway when refused."""
    answer = requests.post(
        f"{ready['stripe_url']}/v1/webhook_endpoints",
        data={"url": url, "enabled_events[]": "*", "api_version": STRIPE_VERSION},
        headers={"Authorization": f"Bearer {ready['stripe']['api_key']}", "Stripe-Version": STRIPE_VERSION},
        timeout=WITHIN_S,
    )
    if answer.status_code != 200:
        raise SandboxAway(f"the sandbox refused a webhook endpoint (HTTP {answer.status_code})")
    return str(answer.json()["id"])


def _get(url: str) -> requests.Response:
    try:
        answer = requests.get(url, timeout=WITHIN_S)
        answer.raise_for_status()
    except requests.RequestException as error:
        raise SandboxAway(f"no sandbox answers at {_shown(url)} ({type(error).__name__})") from error
    return answer


def _shown(url: str) -> str:
    """The address without its path, which is as good as a key."""
    return f"{urlparse(url).scheme}://{urlparse(url).netloc}"
