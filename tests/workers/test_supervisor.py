"""`tandem up` with trivial children: order, crashes, a second one, and the ways it can be ended."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from tests.workers.processes import eventually, is_alive, of_home
from workers.home import Home
from workers.supervisor import read_up_file

PROGRAM = Path(__file__).parent / "up_program.py"


class Running:
    """A `tandem up` in its own process, with the story its children tell."""

    started: ClassVar[list["Running"]] = []

    def __init__(self, folder: Path, scenario: str, **environment: str) -> None:
        self.home = folder / "home"
        self._story = folder / "story"
        root = str(PROGRAM.parents[2])
        self.process = subprocess.Popen(
            [sys.executable, str(PROGRAM), str(self.home), scenario],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": root, **environment},
        )
        self.started.append(self)

    def story(self) -> list[str]:
        return self._story.read_text().splitlines() if self._story.exists() else []

    def tells(self, line: str, *, times: int = 1) -> bool:
        return eventually(lambda: sum(told.startswith(line) for told in self.story()) >= times)

    def end(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str, str]:
        self.process.send_signal(number)
        output, errors = self.process.communicate(timeout=60)
        return self.process.returncode, output, errors

    def state(self) -> dict[str, dict[str, dict[str, int]]]:
        parsed: dict[str, dict[str, dict[str, int]]] = json.loads((self.home / "up.json").read_text())
        return parsed


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    for up in Running.started:
        up.process.kill()
        up.process.communicate()
    Running.started.clear()
    assert eventually(lambda: not of_home(tmp_path)), "a test left processes behind"
    Home(tmp_path / "home").leave_no_sockets()  # of keepers that were killed


def test_everything_starts_in_order_and_stops_in_the_opposite_one(folder: Path) -> None:
    up = Running(folder, "order")
    assert up.tells("announced")
    # The children say that they start each in its own time; what is certain is that release came between.
    assert up.tells("worker starts")
    assert up.tells("web starts")
    assert up.tells("scheduler starts")
    before = up.story()

    code, _, _ = up.end()

    assert code == 0
    assert before[:2] == ["sandbox starts", "release"]
    assert up.story()[len(before) :] == ["scheduler stops", "web stops", "worker stops", "sandbox stops"]


def test_when_the_sandbox_is_reset_the_services_begin_anew_and_the_sandbox_stays(folder: Path) -> None:
    world = folder / "world"
    world.write_text("first")
    up = Running(folder, "reset")
    assert up.tells("announced")
    assert up.tells("web starts")
    assert up.tells("worker starts")
    before = up.story()

    world.write_text("")  # busy: that says nothing
    world.write_text("second")

    assert up.tells("web starts", times=2)
    assert up.tells("worker starts", times=2)
    state = json.loads((folder / "home" / "up.json").read_text())
    assert state["environment"]["WORLD"] == "second"
    assert up.story()[len(before) :][:3] == ["web stops", "worker stops", "release"]
    assert up.story().count("sandbox starts") == 1
    assert up.end()[0] == 0


def test_children_are_told_where_the_servers_and_the_sandbox_are(folder: Path) -> None:
    up = Running(folder, "order")
    assert up.tells("announced")
    announced = next(line for line in up.story() if line.startswith("announced"))
    up.end()

    assert json.loads(announced.partition(" ")[2]) == {
        "DATABASE_URL": "postgresql://given",
        "REDIS_URL": "redis://given",
        "TANDEM_HOME": str(folder / "home"),
        "TANDEM_SANDBOX_URL": "http://127.0.0.1:1/secret",
        "WORLD": "http://127.0.0.1:1/secret",
    }


def test_output_of_the_children_passes_through_unchanged(folder: Path) -> None:
    up = Running(folder, "order")
    assert up.tells("announced")
    assert up.tells("scheduler starts")

    _, output, _ = up.end()

    assert {'{"event": "from sandbox"}', '{"event": "from worker"}', '{"event": "from web"}'} <= set(
        output.splitlines()
    )
    assert all(json.loads(line)["event"].startswith("from") for line in output.splitlines())


def test_up_json_says_what_runs_while_it_runs(folder: Path) -> None:
    up = Running(folder, "order")
    assert up.tells("announced")

    state = read_up_file(up.home)
    assert state is not None
    assert state["pid"] == up.process.pid
    assert list(state["services"]) == ["sandbox", "worker", "web", "scheduler"]
    assert all(is_alive(service["pid"]) for service in state["services"].values())
    assert (up.home / "up.json").stat().st_mode & 0o777 == 0o600

    up.end()
    assert read_up_file(up.home) is None
    assert not (up.home / "up.json").exists()


def test_the_file_of_a_killed_up_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / "up.json").write_text(json.dumps({"pid": os.getpid(), "environment": {}}))

    assert read_up_file(tmp_path) is None


def test_ctrl_c_ends_it_as_sigterm_does(folder: Path) -> None:
    up = Running(folder, "order")
    assert up.tells("scheduler starts")

    code, _, _ = up.end(signal.SIGINT)

    assert code == 0
    assert up.story()[-1] == "sandbox stops"


def test_a_second_up_names_the_first_and_disturbs_nothing(folder: Path) -> None:
    first = Running(folder, "steady")
    assert first.tells("announced")
    before = first.state()

    second = Running(folder, "steady")
    _, errors = second.process.communicate(timeout=60)

    assert second.process.returncode == 2
    assert f"process {first.process.pid}" in errors
    assert first.state() == before
    assert first.end()[0] == 0


def test_a_crashed_child_starts_again(folder: Path) -> None:
    up = Running(folder, "crashes-once")
    assert up.tells("web starts", times=2)
    pid = up.state()["services"]["worker"]["pid"]

    code, _, errors = up.end()

    assert code == 0
    assert "web ended with code 70; it starts again in 0.5 s" in errors
    assert up.story().count("worker starts") == 1
    assert not is_alive(pid)


def test_a_child_that_finds_its_configuration_wrong_ends_everything_with_2(folder: Path) -> None:
    up = Running(folder, "misconfigured")

    _, errors = up.process.communicate(timeout=60)

    assert up.process.returncode == 2
    assert "web ended with code 2" in errors
    assert up.story().count("web starts") == 1


def test_a_failed_release_command_starts_nothing(folder: Path) -> None:
    up = Running(folder, "release-fails")

    _, errors = up.process.communicate(timeout=60)

    assert up.process.returncode == 3
    assert "failed with code 3" in errors
    assert up.story() == []


def test_a_program_that_is_not_there_is_said_with_2(folder: Path) -> None:
    up = Running(folder, "not-there")

    _, errors = up.process.communicate(timeout=60)

    assert up.process.returncode == 2
    assert "web can't be started" in errors


def test_a_sandbox_that_dies_ends_everything_because_its_world_is_gone(folder: Path) -> None:
    up = Running(folder, "sandbox-dies")

    _, errors = up.process.communicate(timeout=60)

    assert up.process.returncode == 70
    assert "sandbox ended with code 70" in errors


def test_a_child_that_does_not_stop_is_killed_when_its_time_is_over(folder: Path) -> None:
    up = Running(folder, "stubborn", STOP_WITHIN_S="0.3")
    assert up.tells("announced")
    assert up.tells("web starts")

    code, _, errors = up.end()

    assert code == 0
    assert "web did not stop in time and is killed" in errors


def test_a_second_signal_does_not_wait_any_longer(folder: Path) -> None:
    up = Running(folder, "stubborn", STOP_WITHIN_S="600")
    assert up.tells("announced")
    assert up.tells("web starts")
    up.process.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        up.process.wait(1)

    assert up.end(signal.SIGINT)[0] == 0


def test_killing_up_leaves_no_orphan_and_the_next_one_recovers(folder: Path) -> None:
    up = Running(folder, "servers")
    assert up.tells("web starts")
    left = of_home(folder)
    assert len(left) > 5

    up.process.kill()
    up.process.communicate()
    again = Running(folder, "servers")
    assert again.tells("web starts", times=2)
    assert again.tells("announced", times=2)
    assert not any(is_alive(pid) for pid in left)

    assert again.end()[0] == 0


def test_killing_up_ends_grandchildren_too(folder: Path) -> None:
    up = Running(folder, "servers")
    assert up.tells("web starts")
    assert eventually(lambda: "time.sleep(600)" in grandchildren(folder))

    up.process.kill()
    up.process.communicate()

    assert eventually(lambda: not of_home(folder))


def test_killed_servers_are_started_again(folder: Path) -> None:
    up = Running(folder, "servers")
    assert up.tells("announced")
    keeper = json.loads((up.home / "run" / "servers.json").read_text())["pid"]

    os.kill(keeper, signal.SIGKILL)

    def replaced() -> bool:
        file = up.home / "run" / "servers.json"
        return file.exists() and json.loads(file.read_text())["pid"] != keeper

    assert eventually(replaced)
    assert up.end()[0] == 0


def grandchildren(folder: Path) -> str:
    return " ".join(Path(f"/proc/{pid}/cmdline").read_text() for pid in of_home(folder) if is_alive(pid))
