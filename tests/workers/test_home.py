"""Where TANDEM_HOME is and what may be in its place."""

import os
from pathlib import Path

import pytest

from workers.home import FileLock, Home, UnusableHome, is_locked, tandem_home, write_whole


def test_the_home_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TANDEM_HOME", str(tmp_path / "a" / ".." / "b"))

    assert tandem_home() == (tmp_path / "b").resolve()


def test_the_home_is_a_data_folder_of_the_user_by_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TANDEM_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", "relative/is/ignored")
    assert tandem_home() == tmp_path.resolve() / ".local" / "share" / "tandem"

    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert tandem_home() == tmp_path.resolve() / "data" / "tandem"


def test_a_new_home_is_for_its_owner_alone(tmp_path: Path) -> None:
    home = Home.at(tmp_path / "new" / "home")

    assert home.path.stat().st_mode & 0o777 == 0o700


def test_a_socket_folder_prepared_by_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = tmp_path / "r"
    runtime.mkdir()
    monkeypatch.setattr("workers.home._short_folder_name", lambda _home: runtime / "tandem")
    home = Home.at(tmp_path / ("long" * 25))

    (runtime / "tandem").mkdir(mode=0o777)
    (runtime / "tandem").chmod(0o777)
    with pytest.raises(UnusableHome, match="not a folder of this user alone"):
        home.sockets()

    (runtime / "tandem").rmdir()
    (runtime / "tandem").symlink_to(tmp_path)
    with pytest.raises(UnusableHome, match="not a folder of this user alone"):
        home.sockets()


def test_a_lock_is_held_by_one_and_shared_by_many(tmp_path: Path) -> None:
    with FileLock(tmp_path / "lock") as one, FileLock(tmp_path / "lock") as two:
        assert one.try_lock(shared=True)
        assert two.try_lock(shared=True)
        assert not one.try_lock()
        assert two.try_lock()
        assert is_locked(tmp_path / "lock")
        assert not one.lock(within_s=0.05)

    assert not is_locked(tmp_path / "lock")


def test_a_file_is_written_whole_and_for_its_owner_alone(tmp_path: Path) -> None:
    write_whole(tmp_path / "state.json", "first")
    write_whole(tmp_path / "state.json", "second")

    assert (tmp_path / "state.json").read_text() == "second"
    assert (tmp_path / "state.json").stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["state.json"]
