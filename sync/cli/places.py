"""Where a command works: the settings, the servers of the store and the queue, and the world (real, or a sandbox's)."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from sync import config, log
from sync.config import ConfigFault, Settings
from workers.embedded import attach, attach_or_start
from workers.embedded.attachment import DATABASE
from workers.home import tandem_home
from workers.sandbox import database_of_world, redis_database_of_world, world_id
from workers.supervisor import read_up_file

if TYPE_CHECKING:
    from sync.wiring import Services, Store

#: Any of these in the environment says which world is meant; then a running `tandem up` is not asked.
SAYS_WHERE = ("TANDEM_SANDBOX_URL", "DATABASE_URL", "STRIPE_API_KEY", "STRIPE_API_KEY_FILE", "SALESFORCE_URL")
POSTGRESQL = ("postgresql://", "postgres://", "postgresql+psycopg://")
REDIS = ("redis://", "rediss://", "unix://")
#: What `tandem up` tells its children, and a command in another terminal takes over.
TOLD_BY_UP = ("TANDEM_SANDBOX_URL", "DATABASE_URL", "REDIS_URL", "PORT")


@dataclass(frozen=True)
class Place:
    """The servers that a command uses, and the settings with which it uses them."""

    settings: Settings
    home: Path
    database_url: str
    redis_url: str
    embedded: bool = False


def environment() -> dict[str, str]:
    """The environment of this command. If it says nothing about where, and `tandem up` runs on this home, what that one
    told its children is added.
    """
    env = dict(os.environ)
    if any(env.get(name) for name in SAYS_WHERE):
        return env
    running = read_up_file(home_of(env))
    told = running["environment"] if running else {}
    return env | {name: told[name] for name in TOLD_BY_UP if name in told}


def settings(*, process: str = "cli") -> Settings:
    """The settings, or ConfigFault with every fault; from here on log lines are JSON on stderr."""
    given = config.load(environment())
    level = given.log_level if process != "cli" else _quieter(given.log_level)
    log.configure(level=level, process=process, version=version())
    return given


def version() -> str:
    """The installed version of Tandem; "0" when it was never installed."""
    try:
        return metadata.version("tandem")
    except metadata.PackageNotFoundError:
        return "0"


def home_of(env: Mapping[str, str]) -> Path:
    """TANDEM_HOME, or its default."""
    chosen = env.get("TANDEM_HOME")
    return Path(chosen).expanduser().resolve() if chosen else tandem_home()


@contextlib.contextmanager
def place(*, start: bool, process: str = "cli") -> Iterator[Place]:
    """The servers, good for the block. ``start`` says whether embedded servers may be started; else NotRunning (exit 2)."""
    given = settings(process=process)
    home = home_of(environment())
    database_url = given.database_url.get_secret_value() if given.database_url else None
    redis_url = given.redis_url.get_secret_value() if given.redis_url else None
    check_addresses(database_url, redis_url)
    if database_url and redis_url:
        yield Place(given, home, database_url, redis_url)
        return
    name, number = _databases(given)
    attaching = attach_or_start if start else attach
    with attaching(home, database=name, redis_database=number) as servers:
        yield Place(
            given, home, database_url or servers.database_url, redis_url or servers.redis_url, embedded=not database_url
        )


@contextlib.contextmanager
def services(*, drain: bool = False, upgrade: bool = False, fields: bool = False) -> Iterator[Services]:
    """The wired installation for a one-shot verb, good for the block; servers are started if need be.

    Both vendors were asked who they are. With ``fields`` the mapped fields were held against the org. With ``upgrade``, and
    always on embedded servers, the schema is brought up to date first.
    """
    from sync import wiring  # it brings both vendors' libraries, which `--help` should not wait for

    with place(start=True) as here:
        if upgrade or here.embedded:
            wiring.upgrade(here.database_url)
        built = wiring.build(here.settings, database_url=here.database_url, redis_url=here.redis_url, drain=drain)
        with contextlib.closing(built):
            if fields:
                wiring.check_mapped(here.settings, built.salesforce)
            yield built


@contextlib.contextmanager
def store() -> Iterator[Store]:
    """The store alone, good for the block: works while a vendor is away."""
    from sync import wiring

    with place(start=True) as here:
        if here.embedded:
            wiring.upgrade(here.database_url)
        with contextlib.closing(wiring.open_store(here.settings, database_url=here.database_url)) as opened:
            yield opened


def check_addresses(database_url: str | None, redis_url: str | None) -> None:
    """ConfigFault for addresses of servers that we can't speak to; the addresses, which may hold passwords, are not repeated."""
    faults = []
    if database_url and not database_url.startswith(POSTGRESQL):
        faults.append("DATABASE_URL: must begin with postgresql:// (the store is PostgreSQL only)")
    if redis_url and not redis_url.startswith(REDIS):
        faults.append("REDIS_URL: must begin with redis://, rediss:// or unix://")
    if faults:
        raise ConfigFault(faults)


def _databases(given: Settings) -> tuple[str, int]:
    """The database, and the number of the Redis database, that this world has on embedded servers. Each sandbox world has its own."""
    if not given.tandem_sandbox_url:
        return DATABASE, 0
    world = world_id(given.tandem_sandbox_url)
    return database_of_world(world), redis_database_of_world(world)


def _quieter(level: str) -> str:
    """A one-shot verb says what it did itself; its log speaks up only when something goes wrong."""
    return "WARNING" if level == "INFO" else level
