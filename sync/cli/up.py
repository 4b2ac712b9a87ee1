"""`tandem up`: everything on one machine, started in order and stopped in the opposite one."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import SecretStr

from sync import stripe_accounts
from sync.cli import places
from sync.cli.options import Host, Json, Port, Yes
from sync.cli.output import Out
from sync.cli.processes import listen
from sync.config import Settings
from workers.embedded import attach
from workers.home import Home
from workers.sandbox import (
    database_of_world,
    redis_database_of_world,
    register_webhook,
    sandbox_service,
    world_id,
    world_now,
)
from workers.sandbox import stripe_accounts as stripe_accounts_in
from workers.service import Service
from workers.supervisor import State, Up, read_up_file, run_up

#: Machine seconds beyond the longest call that a process has for its graceful end.
STOP_MARGIN_S = 15.0
#: A sandbox's Salesforce has no allowance to save: who plays with it should not have to wait for the next look.
PLAYFUL = {"POLL_HOT_S": "2", "POLL_COLD_S": "5"}


def up(
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help="A sandbox too: a Salesforce and a Stripe to play with.")
    ] = False,
    host: Host = None,
    port: Port = None,
    json: Json = False,
    yes: Yes = False,
) -> int:
    """Run everything: the servers (unless DATABASE_URL and REDIS_URL are set), web, worker and scheduler.

    While it runs, the other verbs in another terminal work on the same world.

    For example:
      tandem up --sandbox
      tandem up --port 8080
    """
    out = Out(json)
    given = up_settings(sandbox)
    check_before_start(given, sandbox=sandbox)
    database_url, redis_url = secret(given.database_url), secret(given.redis_url)
    places.check_addresses(database_url, redis_url)
    home = places.home_of(os.environ)
    at = _address_free(home, host or given.host, given.port if port is None else port)
    description = Up(
        services=services(given),
        sandbox=sandbox_service(Home.at(home).locks / "sandbox.json", namespace=given.salesforce_namespace)
        if sandbox
        else None,
        release=[tandem("db", "upgrade", "--quiet")],
        database_url=database_url,
        redis_url=redis_url,
        prepare=preparation(home, given, at, sandbox=sandbox),
        announce=lambda state: announce(out, state, at, ops=bool(given.ops_tokens)),
        world=lambda state: world_now(state["environment"].get("TANDEM_SANDBOX_URL", "")),
    )
    return run_up(home, description, say=out.say)


def up_settings(sandbox: bool) -> Settings:
    """The settings of this environment alone: what another `up` told its children is not for us. ConfigFault lists every fault."""
    from sync import config, log

    env = dict(os.environ)
    if sandbox:
        # The sandbox's URL is not known yet; a stand-in has the settings judged as they will be.
        env.setdefault("TANDEM_SANDBOX_URL", "http://127.0.0.1/")
    try:
        given = config.load(env)
    except config.ConfigFault as error:
        said = "--sandbox" if sandbox and not os.environ.get("TANDEM_SANDBOX_URL") else "TANDEM_SANDBOX_URL"
        raise config.ConfigFault(
            [f.replace("TANDEM_SANDBOX_URL stands", f"{said} stands") for f in error.faults]
        ) from None
    log.configure(level=given.log_level, process="up")
    return given


def check_before_start(given: Settings, *, sandbox: bool) -> None:
    """What no process could start without is there: ConfigFault or MappingFaults, before anything was started."""
    from sync import wiring

    wiring.mappings_of(given)
    if not sandbox:
        wiring.check_credentials(given)
    elif given.stripe_accounts is not None:
        stripe_accounts.load(given.stripe_accounts)  # the sandbox makes what it names


def secret(value: SecretStr | None) -> str | None:
    """What a secret setting holds."""
    return value.get_secret_value() if value else None


def services(given: Settings) -> list[Service]:
    """The three processes in the order of their start. The worker is first, so that nothing waits for it."""
    within_s = given.call_deadline_s + STOP_MARGIN_S
    return [Service(name, tandem(name), stop_within_s=within_s) for name in ("worker", "web", "scheduler")]


def tandem(*arguments: str) -> list[str]:
    """The command for this very program with other arguments."""
    return [sys.executable, "-m", "sync", *arguments]


def preparation(
    home: Path, given: Settings, at: tuple[str, int], *, sandbox: bool
) -> Callable[[State], Mapping[str, str]]:
    """What is done once servers and sandbox serve: where the processes listen, and a database of its own for a sandbox's world."""

    def prepare(state: State) -> Mapping[str, str]:
        told = {"HOST": at[0], "PORT": str(at[1])}
        control_url = state["environment"].get("TANDEM_SANDBOX_URL") or given.tandem_sandbox_url
        if not control_url:
            return told
        if not (given.database_url and given.redis_url):
            told |= _world_of_its_own(home, given, control_url)
        if sandbox:
            told |= {name: value for name, value in PLAYFUL.items() if name not in os.environ}
            _register(state["services"]["sandbox"]["ready"], f"{_address(at)}/webhooks/stripe", given)
        return told

    return prepare


def _register(ready: Mapping[str, Any], url: str, given: Settings) -> None:
    """The sandbox sends its webhooks to ``url``: those of each account of STRIPE_ACCOUNTS, which it has then, to its own path."""
    if given.stripe_accounts is None:
        register_webhook(ready, url)
        return
    names = stripe_accounts.load(given.stripe_accounts).names
    for name, key in stripe_accounts_in(ready, names).items():
        register_webhook({**ready, "stripe": {"api_key": key}}, f"{url}/{name}")


def announce(out: Out, state: State, at: tuple[str, int], *, ops: bool = False) -> None:
    """Said once everything runs; ``ops``: there are pages for billing operations."""
    control_url = state["environment"].get("TANDEM_SANDBOX_URL")
    value: dict[str, object] = {
        "web": _address(at),
        "control_url": control_url,
        "home": state["home"],
        "pid": state["pid"],
    }
    lines = [f"web {_address(at)}", f"home {state['home']}"]
    lines += [f"what waits for a person: {_address(at)}/ops, with OPS_TOKEN as the password"] if ops else []
    ready: Mapping[str, Any] = state["services"].get("sandbox", {}).get("ready", {})
    if ready:
        value["sandbox"] = ready
        lines += [
            f"sandbox's Stripe {ready['stripe_url']}, Salesforce {ready['salesforce']['url']}",
            f'move its time: curl -X POST {control_url}/clock -d \'{{"now": "2026-03-01T00:00:00Z"}}\'',
        ]
    if out.as_json:
        out.answer("up", value, lines)
        sys.stdout.flush()
    else:
        for line in [*lines, "everything runs; Ctrl-C stops it"]:
            out.say(f"tandem up: {line}")


def _world_of_its_own(home: Path, given: Settings, control_url: str) -> dict[str, str]:
    world = world_id(control_url)
    with attach(home, database=database_of_world(world), redis_database=redis_database_of_world(world)) as servers:
        # The supervisor holds the servers; this attachment only makes the database and learns the addresses.
        own = {"DATABASE_URL": servers.database_url, "REDIS_URL": servers.redis_url}
    return {name: url for name, url in own.items() if not getattr(given, name.lower())}


def _address_free(home: Path, host: str, port: int) -> tuple[str, int]:
    """Where the web process will listen, found free before anything is started; port 0 gives any. Misused where it is not.

    What another `up` on this home holds is not looked at: that one is what has to be said.
    """
    if port and read_up_file(home):
        return host, port
    with listen(host, port) as bound:
        return host, int(bound.getsockname()[1])


def _address(at: tuple[str, int]) -> str:
    host = "127.0.0.1" if at[0] in ("0.0.0.0", "::") else at[0]
    return f"http://[{host}]:{at[1]}" if ":" in host else f"http://{host}:{at[1]}"
