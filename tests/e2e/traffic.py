"""What went over the wire in a run of the tests, kept so that the contract judge can look at all of it at the end."""

from __future__ import annotations

import itertools
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests

HERE = "TEST_TRAFFIC_DIR"
FOLDER = Path(__file__).parents[2] / ".test-traffic"
_numbers = itertools.count(1)


def folder() -> Path:
    """Where this run keeps its traffic: ``.test-traffic`` of the repository unless TEST_TRAFFIC_DIR names another."""
    return Path(os.environ.get(HERE) or FOLDER)


def empty() -> None:
    """Nothing of an earlier run is left. Called once a run, by the process that no other process of the run started."""
    shutil.rmtree(folder(), ignore_errors=True)


def keep(control_url: str) -> int:
    """Everything that this sandbox was asked since its last reset is kept; returns how many exchanges. Call it once, before the reset."""
    answer = requests.get(f"{control_url}/log", timeout=(3, 60))
    answer.raise_for_status()
    folder().mkdir(parents=True, exist_ok=True)
    name = f"{os.environ.get('PYTEST_XDIST_WORKER', 'main')}-{os.getpid()}-{next(_numbers)}.jsonl"
    (folder() / name).write_bytes(answer.content)
    return answer.content.count(b"\n")


def kept(where: Path | None = None) -> Iterator[dict[str, Any]]:
    """Every kept exchange."""
    for file in sorted((where or folder()).glob("*.jsonl")):
        with file.open(encoding="utf-8") as lines:
            for line in lines:
                if line.strip():
                    yield json.loads(line)
