"""The embedded servers as their users see them: real PostgreSQL and Valkey in a home of their own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis
import sqlalchemy

from tests.workers.processes import eventually, is_alive, of_home
from workers.embedded import EmbeddedFault, NotRunning, attach, attach_or_start
from workers.embedded.attachment import Servers
from workers.home import Home, is_locked

USER = """
import sys
from pathlib import Path
from workers.embedded import attach_or_start
with attach_or_start(Path(sys.argv[1])) as servers:
    print(servers.keeper_pid, flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "home"
    assert eventually(lambda: not of_home(tmp_path / "home")), "a test left processes behind"
    Home(tmp_path / "home").leave_no_sockets()  # of keepers that were killed


@pytest.fixture(scope="module")
def begun_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which both servers have run and were stopped."""
    home = tmp_path_factory.mktemp("begun") / "home"
    with attach_or_start(home):
        pass
    return home


@pytest.fixture
def used_home(begun_home: Path) -> Iterator[Path]:
    """A home that others have used before: to make its cluster is most of what a test of a new one costs."""
    yield begun_home
    assert eventually(lambda: not of_home(begun_home)), "a test left processes behind"
    Home(begun_home).leave_no_sockets()  # of keepers that were killed


def another_user(home: Path) -> "subprocess.Popen[str]":
    """Another process that uses the servers until its input ends."""
    user = subprocess.Popen(
        [sys.executable, "-c", USER, str(home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path.cwd(),
    )
    assert user.stdout is not None
    assert user.stdout.readline().strip().isdecimal()
    return user


def execute(servers: Servers, *statements: str) -> list[tuple[object, ...]]:
    engine = sqlalchemy.create_engine(servers.database_url)
    with engine.begin() as connection:
        results = [connection.exec_driver_sql(statement) for statement in statements]
        rows = [tuple(row) for row in results[-1]] if results[-1].returns_rows else []
    engine.dispose()
    return rows


def described(home: Path) -> dict[str, dict[str, int]]:
    parsed: dict[str, dict[str, int]] = json.loads((home / "run" / "servers.json").read_text())
    return parsed


def test_both_servers_answer_on_unix_sockets_only(used_home: Path) -> None:
    with attach_or_start(used_home) as servers:
        assert execute(
            servers, "SELECT current_setting('listen_addresses'), current_setting('fsync'), current_database()"
        ) == [("", "on", "tandem")]
        with redis.Redis.from_url(servers.redis_url) as client:
            settings = client.config_get("*")
        assert {name: settings[name] for name in ("port", "appendonly", "appendfsync", "maxmemory-policy")} == {
            "port": "0",
            "appendonly": "yes",
            "appendfsync": "everysec",
            "maxmemory-policy": "noeviction",
        }


def test_the_last_one_out_stops_the_servers(used_home: Path) -> None:
    with attach_or_start(used_home) as servers:
        keeper = servers.keeper_pid
        user = another_user(used_home)

    assert is_alive(keeper)
    user.communicate("\n")

    assert not is_locked(used_home / "run" / "keeper.lock")
    assert eventually(lambda: not of_home(used_home))


def test_a_second_user_finds_the_same_servers(used_home: Path) -> None:
    with attach_or_start(used_home) as first, attach_or_start(used_home) as second, attach(used_home) as third:
        assert first == second == third


def test_attach_starts_nothing(home: Path) -> None:
    with pytest.raises(NotRunning, match=r"tandem up.*DATABASE_URL") as refused, attach(home):
        pass

    assert refused.value.exit_code == 2
    assert not (home / "postgres").exists()


def test_data_survives_a_stop_and_a_start(home: Path) -> None:
    with attach_or_start(home) as servers, redis.Redis.from_url(servers.redis_url) as client:
        execute(servers, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (7)")
        client.set("kept", 7)

    with attach_or_start(home) as servers, redis.Redis.from_url(servers.redis_url) as client:
        assert execute(servers, "SELECT n FROM kept") == [(7,)]
        assert client.get("kept") == b"7"


def test_killing_the_keeper_leaves_no_orphan_and_loses_nothing(home: Path) -> None:
    with attach_or_start(home) as servers, redis.Redis.from_url(servers.redis_url) as client:
        execute(servers, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (7)")
        client.set("kept", 7)
        os.kill(servers.keeper_pid, signal.SIGKILL)
        assert eventually(lambda: not of_home(home))

        with attach_or_start(home) as again, redis.Redis.from_url(again.redis_url) as client_again:
            assert again.keeper_pid != servers.keeper_pid
            assert execute(again, "SELECT n FROM kept") == [(7,)]
            assert client_again.get("kept") == b"7"


def test_killing_everything_at_once_recovers(home: Path) -> None:
    user = another_user(home)
    with attach(home) as servers:
        execute(servers, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (7)")
        pids = [user.pid, servers.keeper_pid, described(home)["postgres"]["pid"], described(home)["valkey"]["pid"]]
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        user.communicate()
        assert eventually(lambda: not any(is_alive(pid) for pid in pids))
        assert (home / "postgres" / "postmaster.pid").exists()

        with attach_or_start(home) as again:
            assert execute(again, "SELECT n FROM kept") == [(7,)]


def test_starting_in_the_moment_of_a_kill_finds_servers_that_answer(used_home: Path) -> None:
    with attach_or_start(used_home) as servers:
        for pid in (described(used_home)["postgres"]["pid"], servers.keeper_pid):
            os.kill(pid, signal.SIGKILL)

        with attach_or_start(used_home) as again:
            assert again.database_url == servers.database_url


def test_a_pid_file_that_names_a_living_stranger_does_not_block_the_start(used_home: Path) -> None:
    (used_home / "postgres" / "postmaster.pid").write_text(f"{os.getpid()}\n/somewhere/else\n")

    with attach_or_start(used_home) as servers:
        assert execute(servers, "SELECT 1") == [(1,)]


def test_the_servers_stop_when_their_only_user_is_killed(used_home: Path) -> None:
    user = another_user(used_home)
    user.kill()
    user.communicate()

    assert eventually(lambda: not of_home(used_home))


def test_a_server_that_dies_is_started_again(used_home: Path) -> None:
    with attach_or_start(used_home) as servers:
        os.kill(described(used_home)["postgres"]["pid"], signal.SIGKILL)

        def answers() -> bool:
            try:
                return execute(servers, "SELECT 1") == [(1,)]
            except sqlalchemy.exc.OperationalError:
                return False

        assert eventually(answers)


def test_two_starting_at_once_share_one_keeper(home: Path) -> None:
    users = [
        subprocess.Popen(
            [sys.executable, "-c", USER, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]

    keepers = {user.stdout.readline() for user in users if user.stdout}
    for user in users:
        user.communicate("\n")

    assert len(keepers) == 1


def test_a_data_folder_of_another_major_version_is_refused_untouched(home: Path) -> None:
    with attach_or_start(home):
        pass
    (home / "postgres" / "PG_VERSION").write_text("17\n")

    with (
        pytest.raises(EmbeddedFault, match=r"made by PostgreSQL 17.*are PostgreSQL 18.*TANDEM_PG_BIN") as refused,
        attach_or_start(home),
    ):
        pass

    assert refused.value.exit_code == 2
    assert (home / "postgres" / "base").is_dir()


def test_a_folder_that_is_no_data_folder_is_refused_untouched(home: Path) -> None:
    (home / "postgres").mkdir(parents=True)
    (home / "postgres" / "letters.txt").write_text("mine")

    with pytest.raises(EmbeddedFault, match="not a PostgreSQL data folder"), attach_or_start(home):
        pass

    assert (home / "postgres" / "letters.txt").read_text() == "mine"


def test_an_interrupted_first_start_is_made_good(home: Path) -> None:
    (home / "postgres.new" / "base").mkdir(parents=True)

    with attach_or_start(home) as servers:
        assert execute(servers, "SELECT 1") == [(1,)]

    assert not (home / "postgres.new").exists()


def test_a_world_gets_a_database_and_a_queue_of_its_own(used_home: Path) -> None:
    with attach_or_start(used_home) as servers, attach(used_home, database="sandbox_7", redis_database=3) as world:
        assert execute(world, "SELECT current_database()") == [("sandbox_7",)]
        with redis.Redis.from_url(world.redis_url) as theirs, redis.Redis.from_url(servers.redis_url) as ours:
            theirs.set("key", "theirs")
            assert ours.get("key") is None


@pytest.mark.parametrize("name", ["", "Sandbox", "a-b", 'x"; DROP DATABASE tandem; --', "a" * 64])
def test_a_database_name_that_needs_quoting_is_refused_before_anything_starts(home: Path, name: str) -> None:
    with pytest.raises(EmbeddedFault, match="no name for a database"), attach_or_start(home, database=name):
        pass

    assert not (home / "postgres").exists()


def test_a_home_whose_path_is_too_long_for_sockets_works(tmp_path: Path) -> None:
    home = tmp_path / ("long" * 25) / "home"
    with attach_or_start(home) as servers:
        assert execute(servers, "SELECT 1") == [(1,)]
        sockets = Path(described(home)["valkey"]["socket"]).parent.parent  # type: ignore[arg-type]
        assert not sockets.is_relative_to(home)
        assert sockets.stat().st_mode & 0o077 == 0

    assert eventually(lambda: not sockets.exists())


def test_variables_of_libpq_do_not_lead_elsewhere(used_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPORT", "1")
    monkeypatch.setenv("PGHOST", "db.invalid")
    monkeypatch.setenv("PGDATABASE", "elsewhere")

    with attach_or_start(used_home) as servers:
        assert execute(servers, "SELECT current_database()") == [("tandem",)]


def test_programs_of_the_system_are_used_when_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TANDEM_PG_BIN", str(home / "nowhere"))

    with pytest.raises(EmbeddedFault, match=r"TANDEM_PG_BIN: no program .*nowhere/postgres"), attach_or_start(home):
        pass


def test_a_home_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")

    with pytest.raises(RuntimeError, match=r"TANDEM_HOME .* can't be used"), attach_or_start(tmp_path / "home"):
        pass


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user's servers run as that user")
def test_root_runs_the_servers_as_nobody_and_opens_no_folder(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    home = closed / "home"

    with attach_or_start(home):
        owners = {Path(f"/proc/{described(home)[name]['pid']}").stat().st_uid for name in ("postgres", "valkey")}
        assert owners == {65534}
        assert closed.stat().st_mode & 0o777 == 0o700
        assert home.stat().st_mode & 0o777 == 0o700
        assert (home / "run").stat().st_mode & 0o777 == 0o700


def test_the_superuser_needs_no_password_because_nobody_else_reaches_the_socket(used_home: Path) -> None:
    with attach_or_start(used_home):
        address = described(used_home)["postgres"]
        with psycopg.connect(
            host=str(address["host"]), port=int(address["port"]), user="tandem", dbname="postgres"
        ) as connection:
            assert connection.execute("SELECT current_user").fetchone() == ("tandem",)
        assert (used_home / "run").stat().st_mode & 0o077 == 0
