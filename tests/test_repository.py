"""The scaffolding: lock files, packaging, and the commands that others rely on."""

import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.conftest import LONGEST

ROOT = Path(__file__).resolve().parent.parent
spec = importlib.util.spec_from_file_location("check_locks", ROOT / ".ci" / "check_locks.py")
assert spec is not None
assert spec.loader is not None
check_locks = importlib.util.module_from_spec(spec)
spec.loader.exec_module(check_locks)

SOUND = "redis==8.1.0 ; python_version > '3' \\\n    --hash=sha256:aa\n    # via -r requirements.in\nhttptools==1 \\\n    --hash=sha256:bb\n"


def test_the_lock_files_are_sound() -> None:
    checked = subprocess.run(
        [sys.executable, ".ci/check_locks.py"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert checked.returncode == 0, checked.stderr


def test_a_sound_lock_file_has_no_fault() -> None:
    assert check_locks.faults(SOUND, "redis\nhttptools  # http parser\n") == []


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://packages.example/simple",
        "--extra-index-url http://packages.example",
        "--find-links ./wheels",
        "--trusted-host packages.example",
        "redis @ https://packages.example/redis.whl",
        "redis @ git+ssh://example/redis",
    ],
)
def test_a_lock_file_that_names_a_host_is_faulty(line: str) -> None:
    assert any("names a host" in fault for fault in check_locks.faults(f"{line}\n{SOUND}", "redis"))


def test_a_pin_without_a_hash_is_faulty() -> None:
    assert check_locks.faults("redis==8.1.0\n", "redis") == ["redis has no hash"]


def test_a_requirement_that_is_not_locked_is_faulty() -> None:
    assert check_locks.faults(SOUND, "redis\nRuamel.Yaml[x]; sys_platform != 'win32'\n") == [
        "ruamel-yaml is asked for but not locked (make lock)"
    ]


def test_an_empty_lock_file_is_faulty() -> None:
    assert check_locks.faults("", "") == ["it pins nothing"]


def test_the_package_asks_for_what_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = project["project"]["dependencies"] + [
        name for extra in project["project"]["optional-dependencies"].values() for name in extra
    ]
    build = project["build-system"]["requires"]

    names = check_locks.asked_for("\n".join(asked + build))

    assert names == check_locks.asked_for((ROOT / "requirements.in").read_text())


def test_the_makefile_has_every_target_that_others_call() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert {"demo", "test", "check", "interop", "bench", "soak", "lock"} <= targets


def test_the_test_files_that_start_first_are_there() -> None:
    assert [name for name in LONGEST if not (ROOT / "tests" / name).exists()] == []


def test_the_procfile_runs_the_four_roles() -> None:
    roles = dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines())

    assert roles == {
        "release": "tandem db upgrade",
        "web": "tandem web --port $PORT",
        "worker": "tandem worker",
        "scheduler": "tandem scheduler",
    }


def test_links_inside_the_documents_lead_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    links = [
        (page, link)
        for page in pages
        for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text())
        if not link.startswith(("http://", "https://"))
    ]
    broken = [f"{page.relative_to(ROOT)}: {link}" for page, link in links if not (page.parent / link).exists()]

    assert links
    assert not broken
