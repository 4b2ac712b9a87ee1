"""`tandem check`: is everything there and allowed? Each line says OK, WARN or FAIL, and what to do. A gate for deployments."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Literal

import redis
import typer
from sqlalchemy import text

from sync.cli import places
from sync.cli.exits import Exit, of_error
from sync.cli.options import Json, Yes
from sync.cli.output import Out, table
from sync.cli.places import Place
from sync.config import Settings
from sync.errors import Terminal
from sync.facts import TaxSettings
from sync.records import Ref

if TYPE_CHECKING:
    from sync.wiring.vendors import SalesforceOrg, StripeAccount

Level = Literal["OK", "WARN", "FAIL"]
#: Exit codes in the order in which their causes are worth looking at.
FIRST = (Exit.CONFIGURATION, Exit.NO_RIGHT, Exit.AWAY)
#: Part of Salesforce's daily allowance from which on we warn.
MUCH = 0.8


@dataclass(frozen=True)
class Line:
    """One thing looked at. ``exit_code`` counts only for FAIL."""

    level: Level
    what: str
    detail: str
    exit_code: int = Exit.DONE


@dataclass
class Findings:
    """What was looked at, in order."""

    lines: list[Line] = field(default_factory=list)

    def ok(self, what: str, detail: str = "") -> None:
        """It is as it should be."""
        self.lines.append(Line("OK", what, detail))

    def warn(self, what: str, detail: str) -> None:
        """It works, and somebody should look at it."""
        self.lines.append(Line("WARN", what, detail))

    def fail(self, what: str, detail: str, exit_code: int = Exit.CONFIGURATION) -> None:
        """It can't work so."""
        self.lines.append(Line("FAIL", what, detail, exit_code))

    @contextlib.contextmanager
    def looking(self, what: str) -> Iterator[None]:
        """A failure inside the block is a FAIL line, one for each fault it names; the next look goes on."""
        try:
            yield
        except Exception as error:
            code, said = of_error(error)
            faults = getattr(error, "faults", None)
            for fault in faults or [" ".join(said)]:
                self.fail(what, str(fault), code)

    @property
    def exit_code(self) -> int:
        """0 when nothing failed; else that of the failure to look at first: a configuration, a right, a side that is away."""
        codes = {line.exit_code for line in self.lines if line.level == "FAIL"}
        return next((code for code in FIRST if code in codes), max(codes, default=Exit.DONE))


def check(
    online: Annotated[
        bool, typer.Option("--online", help="Ask Stripe and Salesforce too: log-ins, rights, allowance.")
    ] = False,
    json: Json = False,
    yes: Yes = False,
) -> int:
    """Look at configuration, mappings, servers and schema; with --online at both vendors. No value is changed.

    With --online one Account and one Quote are saved without a change, which proves that they may be written.

    Exit 0: all fine. 2: configuration. 4: a log-in or right is missing. 6: a side does not answer.

    For example:
      tandem check
      tandem check --online --json
    """
    found = Findings()
    if look_at_configuration(found):
        with found.looking("servers"), places.place(start=True) as here:
            found.ok("configuration", f"home {here.home}")
            look_at_servers(found, here)
            if online:
                look_at_vendors(found, here)
    lines = [{"level": x.level, "what": x.what, "detail": x.detail} for x in found.lines]
    rows = [(x.level, x.what, x.detail) for x in found.lines]
    Out(json).answer("check", {"ok": found.exit_code == Exit.DONE, "lines": lines}, table(("", "", ""), rows))
    return found.exit_code


def look_at_configuration(found: Findings) -> bool:
    """Settings, mappings and credentials, each fault a line. Whether the settings could be read at all."""
    from sync import wiring

    given: Settings | None = None
    with found.looking("configuration"):
        given = places.settings()
    if given is not None:
        with found.looking("mappings"):
            maps = wiring.mappings_of(given)
            found.ok("mappings", f"{len(maps.objects)} objects")
        with found.looking("credentials"):
            wiring.check_credentials(given)
            found.ok("credentials", "the sandbox's" if given.tandem_sandbox_url else "given")
    return given is not None


def look_at_servers(found: Findings, here: Place) -> None:
    """Database, its schema, and the queue."""
    from sync import wiring

    with found.looking("database"):
        with contextlib.closing(wiring.open_store(here.settings, database_url=here.database_url)) as store:
            with store.engine.connect() as connection:
                found.ok("database", f"PostgreSQL {connection.execute(text('SHOW server_version')).scalar_one()}")
        found.ok("schema", "of this release, or the one before")
    try:
        with redis.Redis.from_url(here.redis_url, socket_timeout=5, socket_connect_timeout=3) as client:
            client.ping()
            found.ok("queue", "answers")
    except (redis.RedisError, ValueError) as error:
        found.fail("queue", f"REDIS_URL: nothing answers there ({type(error).__name__})", Exit.AWAY)


def look_at_vendors(found: Findings, here: Place) -> None:
    """Log-ins, rights on every mapped field, endpoints of webhooks, the daily allowance."""
    from sync import wiring

    stripes, salesforce = wiring.vendors(here.settings, redis_url=here.redis_url)
    first = next(iter(stripes))
    told = {name: look_at_stripe(found, name, stripe, first=name == first) for name, stripe in stripes.items()}
    for name, stripe in stripes.items() if here.settings.automatic_tax else ():
        _look_at_tax(found, f"Stripe tax of {name}" if name else "Stripe tax", stripe)
    with found.looking("Salesforce log-in"):
        found.ok("Salesforce log-in", f"org {salesforce.organization_id}")
        with found.looking("Salesforce rights"):
            missing = salesforce.missing_rights()
            for fault in missing:
                found.fail("Salesforce rights", fault, Exit.NO_RIGHT)
            if not missing:
                found.ok("Salesforce rights", "every mapped field fits and can be read, ours can be written")
        if here.settings.owner_tasks:
            with found.looking("Salesforce tasks"):
                for fault in (unable := salesforce.missing_task_rights()):
                    found.fail("Salesforce tasks", fault, Exit.NO_RIGHT)
                if not unable:
                    found.ok("Salesforce tasks", "owners can be given tasks (OWNER_TASKS)")
        if here.settings.self_serve_accounts == "create":
            with found.looking("Salesforce new accounts"):
                for fault in (faults := salesforce.faults_of_new(wiring.new_records(here.settings))):
                    found.fail("Salesforce new accounts", fault, Exit.NO_RIGHT)
                if not faults:
                    found.ok("Salesforce new accounts", "can be made for self-serve customers (SELF_SERVE_ACCOUNTS)")
        if here.settings.stripe_accounts:
            _look_at_routes(found, salesforce)
        with found.looking("Salesforce writes"):
            for tried in salesforce.probe_writes():
                _say_write(found, tried.object_, tried.record_id, tried.code, tried.message)
        with found.looking("Salesforce allowance"):
            calls = salesforce.limits()
            say = found.warn if calls["used"] > MUCH * calls["allowed"] else found.ok
            say("Salesforce allowance", f"{calls['used']} of {calls['allowed']} calls used today")
    with found.looking("store"):
        with contextlib.closing(wiring.open_store(here.settings, database_url=here.database_url)) as store:
            stamped = store.cursors.realm()
        _look_at_realm(found, stamped, told, salesforce.organization_id, str(next(iter(stripes.values())).livemode))


def look_at_stripe(found: Findings, name: str, stripe: StripeAccount, *, first: bool) -> str:
    """One account: its log-in, webhooks, events, reports of usage. Its id, "" where it does not tell it. Webhooks of the
    ``first`` one may come to the address without a name, too.
    """
    of = f" of {name}" if name else ""
    account = ""
    with found.looking(f"Stripe log-in{of}"):
        account = stripe.account
        found.ok(f"Stripe log-in{of}", f"{account}, {'live' if stripe.livemode else 'test'} mode")
        with found.looking(f"Stripe webhooks{of}"):
            own = f"/webhooks/stripe/{name}" if name else "/webhooks/stripe"
            paths = (own, "/webhooks/stripe") if first else (own,)
            _look_at_webhooks(found, f"Stripe webhooks{of}", paths, [dict(e) for e in stripe.webhook_endpoints()])
        with found.looking(f"Stripe events{of}"):
            stripe.events(None)
            found.ok(f"Stripe events{of}", "can be read")
        with found.looking(f"Stripe usage reports{of}"):
            try:
                stripe.meters.error_reports(None)
                found.ok(f"Stripe usage reports{of}", "can be read")
            except Terminal as error:
                if error.code != "CONF-305":
                    raise
                words = "Without it, what Stripe does not count is only told by webhooks."
                found.warn(f"Stripe usage reports{of}", f"{error.code}: {error.message} {words}")
    return account


def _look_at_tax(found: Findings, what: str, stripe: StripeAccount) -> None:
    """Whether the account can work out the tax of new deals."""
    with found.looking(what):
        for one in (s for s in stripe.read([Ref("tax_settings", "")]).all() if isinstance(s, TaxSettings)):
            if one.status == "active":
                found.ok(what, "can be worked out")
            else:
                found.fail(what, f"CONF-310: its settings lack {', '.join(one.missing) or 'something'}")


def _look_at_routes(found: Findings, salesforce: SalesforceOrg) -> None:
    """The fields by which STRIPE_ACCOUNTS routes are there and can be read."""
    with found.looking("Stripe routes"):
        unknown = salesforce.unknown_routing_fields()
        for name in unknown:
            found.fail(
                "Stripe routes", f"CONF-302: Salesforce shows this log-in no field {name}, by which accounts are chosen"
            )
        if not unknown:
            found.ok("Stripe routes", "every field that they look at can be read")


def _look_at_realm(
    found: Findings, stamped: Mapping[str, str], told: Mapping[str, str], org: str, livemode: str
) -> None:
    """Whether the store belongs to these accounts. One that is new to it may be added."""
    if len(set(told.values())) < len(told):
        found.fail("store", f"STRIPE_ACCOUNTS: two names have keys of one account: {dict(told)}")
        return
    began = stamped.get("stripe", "")
    now = {
        "salesforce": org,
        "livemode": livemode,
        "stripe": began if began in told.values() else next(iter(told.values())),
    }
    now |= {f"stripe:{name}": account for name, account in told.items() if name}
    if any(now.get(mark) != value for mark, value in stamped.items()):
        found.fail("store", f"CONF-308: it belongs to another pair of accounts: {dict(stamped)}")
    else:
        found.ok("store", "belongs to this pair of accounts" if stamped else "belongs to nobody yet")


def _say_write(found: Findings, object_: str, record_id: str | None, code: str, message: str) -> None:
    """One line for the attempt to save a record: a missing right stops billing's display, an org's own rule only may."""
    if record_id is None:
        found.warn("Salesforce writes", f"{object_}: there is no record yet to try it on")
    elif code == "CONF-302":
        found.fail("Salesforce writes", f"{code}: {message}", Exit.NO_RIGHT)
    elif code:
        found.warn("Salesforce writes", f"{code}: {message}")
    else:
        found.ok("Salesforce writes", f"{object_} can be written")


def _look_at_webhooks(found: Findings, what: str, paths: tuple[str, ...], endpoints: list[dict[str, object]]) -> None:
    enabled = [e for e in endpoints if e.get("status") == "enabled" and str(e.get("url", "")).endswith(paths)]
    if not enabled:
        found.warn(what, f"no enabled endpoint ends in {paths[0]}; events are only read from time to time")
    for endpoint in enabled:
        found.ok(what, f"{endpoint.get('url')}, version {endpoint.get('api_version') or 'of the account'}")
