"""The built wheel, installed elsewhere, is the whole product: it checks itself and shows the demo (DESIGN 2)."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.workers.processes import eventually

pytestmark = pytest.mark.long


REPOSITORY = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the unpacked wheel and nothing of the repository."""
    target = tmp_path_factory.mktemp("installed")
    wheels = tmp_path_factory.mktemp("wheels")
    build = tmp_path_factory.mktemp("build")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    # setuptools leaves its build folder and egg-info in the source tree; a copy keeps the repository clean.
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, check=True, text=True
    ).stdout
    for name in tracked.split("\0"):
        if name and not name.startswith("tests/") and (REPOSITORY / name).is_file():
            (build / name).parent.mkdir(parents=True, exist_ok=True)
            (build / name).write_bytes((REPOSITORY / name).read_bytes())
    run = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(wheels), str(build)]
    subprocess.run(run, check=True, cwd=target)
    (wheel,) = wheels.glob("tandem-*.whl")
    subprocess.run(
        [*pip, "install", "--no-deps", "--no-index", "--target", str(target), str(wheel)], check=True, cwd=target
    )
    return target


def started(elsewhere: Path, home: Path, *arguments: str) -> dict[str, Any]:
    """How the installed program is started, with nothing of the repository within reach."""
    here = {k: v for k, v in os.environ.items() if not k.startswith(("TANDEM_", "STRIPE_", "SALESFORCE_"))}
    env = here | {"PYTHONPATH": str(elsewhere), "TANDEM_HOME": str(home), "PYTHONSAFEPATH": "1"}
    return {"args": [sys.executable, "-m", "sync", *arguments], "cwd": home, "env": env}


def tandem(elsewhere: Path, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The installed program, run to its end."""
    run = started(elsewhere, home, *arguments)
    return subprocess.run(**run, capture_output=True, text=True, timeout=240, check=False)


def test_the_wheel_runs_from_its_own_files(elsewhere: Path, tmp_path: Path) -> None:
    env = os.environ | {"PYTHONPATH": str(elsewhere), "PYTHONSAFEPATH": "1"}
    run = [
        sys.executable,
        "-c",
        "import sandbox, sync, workers; print(sync.__file__, workers.__file__, sandbox.__file__)",
    ]
    where = subprocess.run(run, cwd=tmp_path, env=env, capture_output=True, text=True, check=True).stdout.split()

    assert all(Path(file).is_relative_to(elsewhere) for file in where)


def test_check_names_everything_that_is_missing(elsewhere: Path, tmp_path: Path) -> None:
    done = tandem(elsewhere, tmp_path, "check")

    assert done.returncode == 2
    assert "STRIPE_API_KEY" in done.stdout + done.stderr
    assert "SALESFORCE_CLIENT_ID" in done.stdout + done.stderr


def test_the_demo_ends_with_both_sides_alike_and_a_second_pass_without_a_write_and_is_kept_to_play_with(
    elsewhere: Path, tmp_path: Path
) -> None:
    told = tmp_path / "told"
    with told.open("wb") as out:
        demo = subprocess.Popen(**started(elsewhere, tmp_path, "demo", "--keep"), stdout=out, stderr=out)
    kept = eventually(lambda: "Ctrl-C stops it" in told.read_text() or demo.poll() is not None, within_s=240)
    said = told.read_text()
    home = re.search(r"export TANDEM_HOME=(\S+)", said)
    assert kept, said
    assert home, said
    status = tandem(elsewhere, Path(home[1]), "status", "--json")
    demo.send_signal(signal.SIGTERM)

    assert demo.wait(60) == 0, told.read_text()
    assert not Path(home[1]).exists()
    assert json.loads(status.stdout)["failed"] == {}
    assert "second pass: 0 writes" in said
    for seen in (
        "Sales-Led",
        "Self-Serve",
        "DATA-201",
        "tandem replay --code CONF-301",
        "18360.00 EUR",
        "187200 JPY",
        "Past Due",
    ):
        assert seen in said
    assert "unlike" not in said
