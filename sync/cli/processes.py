"""`tandem web`, `tandem worker`, `tandem scheduler`: the long-running processes. None of them starts a server."""

from __future__ import annotations

import contextlib
import socket
import sys

from sync.cli import places
from sync.cli.exits import Exit, Misused
from sync.cli.options import Host, Json, Port, Yes
from sync.cli.output import Out


def web(host: Host = None, port: Port = None, json: Json = False, yes: Yes = False) -> int:
    """Take Stripe's webhooks in, and answer /livez /readyz /metrics /version, until stopped.

    Needs DATABASE_URL (or a running `tandem up` on this TANDEM_HOME) and STRIPE_WEBHOOK_SECRET. With USAGE_TOKEN it takes
    usage in (POST /usage), with OPS_TOKEN it shows billing operations what waits (/ops).

    For example:
      tandem web
      tandem web --host 0.0.0.0 --port 8080
    """
    from sync import wiring
    from workers import web as server
    from workers.notice_writer import NoticeWriter
    from workers.ops.endpoint import OpsPages
    from workers.stopping import stop_signals
    from workers.usage import UsageEndpoint

    out = Out(json)
    with places.place(start=False, process="web") as here, stop_signals() as stop:
        wiring.check_credentials(here.settings)
        wiring.check_web(here.settings, database_url=here.database_url)
        store = wiring.web_store(here.settings, database_url=here.database_url)
        several = wiring.webhook_accounts(here.settings, database_url=here.database_url)
        verify, source = (
            (several[0].verify, several[0].source)
            if several
            else (wiring.webhook_verifier(here.settings), store.source)
        )
        bound = listen(host or here.settings.host, here.settings.port if port is None else port)
        writer = NoticeWriter(store.dsn, store.insert_sql, store.columns)
        app = server.Web(
            writer=writer,
            verify=verify,
            source=source,
            accounts={one.name: (one.verify, one.source) for one in several},
            version={"version": wiring.build_version()},
            gauges_sql=store.gauges_sql,
            usage=UsageEndpoint(
                [token.get_secret_value() for token in here.settings.usage_tokens],
                lambda: wiring.usage_intake(here.settings, database_url=here.database_url, redis_url=here.redis_url),
            ),
            ops=OpsPages(
                [token.get_secret_value() for token in here.settings.ops_tokens],
                lambda: wiring.overview(here.settings, database_url=here.database_url),
                version=wiring.build_version(),
            ),
        ).app
        address = "http://{}:{}".format(*bound.getsockname()[:2])
        _serving(out, "web", {"url": address}, f"webhooks: {address}/webhooks/stripe")
        server.serve(app, bound, stop)
    return Exit.DONE


def worker(json: Json = False, yes: Yes = False) -> int:
    """Run what is due, lane by lane, until stopped; what runs is finished first.

    Needs DATABASE_URL and REDIS_URL, or a running `tandem up` on this TANDEM_HOME.

    For example:
      tandem worker
      WORKER_DEAL_THREADS=8 tandem worker
    """
    from sync import wiring
    from workers.stopping import stop_signals
    from workers.worker import LaneThreads, run_worker

    with places.place(start=False, process="worker") as here, stop_signals() as stop:
        given = here.settings
        threads = LaneThreads(given.worker_deal_threads, given.worker_mirror_threads, given.worker_bulk_threads)
        built = wiring.build(given, database_url=here.database_url, redis_url=here.redis_url)
        with contextlib.closing(built):
            wiring.check_mapped(given, built.salesforce)
            _serving(Out(json), "worker", {"threads": threads.each()}, "worker started")
            run_worker(built.pipeline, here.redis_url, stop, threads=threads, within_s=given.call_deadline_s)
    return Exit.DONE


def scheduler(json: Json = False, yes: Yes = False) -> int:
    """Read both sides for changes, wake what is due and ring for it, until stopped. Of several, one leads.

    Needs DATABASE_URL and REDIS_URL, or a running `tandem up` on this TANDEM_HOME.

    For example:
      tandem scheduler
      POLL_HOT_S=5 tandem scheduler
    """
    from sync import wiring
    from sync.run.flush import SALESFORCE
    from workers.broker import Doorbell, make_broker, make_client
    from workers.schedule import Pace, Scheduler
    from workers.stopping import stop_signals

    with places.place(start=False, process="scheduler") as here, stop_signals() as stop:
        given = here.settings
        pace = Pace(hot_s=given.poll_hot_s, cold_s=given.poll_cold_s, events_s=given.poll_events_s)
        built = wiring.build(given, database_url=here.database_url, redis_url=here.redis_url)
        with contextlib.closing(built):
            wiring.check_mapped(given, built.salesforce)
            bell = Doorbell(make_broker(make_client(here.redis_url, connections=4)))
            _serving(Out(json), "scheduler", {}, "scheduler started")
            Scheduler(
                built, bell, pace, tell_calls=lambda calls: built.budgets.told(SALESFORCE, **calls), tidy=built.tidy
            ).run(stop)
    return Exit.DONE


def listen(host: str, port: int) -> socket.socket:
    """A bound socket; Misused when the address can't be had."""
    from workers import web

    try:
        return web.listen(host, port)
    except OSError as error:
        raise Misused(f"can't listen on {host} port {port}: {error.strerror or error}.") from error


def _serving(out: Out, name: str, value: dict[str, object], text: str) -> None:
    """Said once the process is about to serve: on stdout as JSON if asked for, else on stderr."""
    if out.as_json:
        out.answer(name, value, text)
        sys.stdout.flush()
    else:
        out.say(f"tandem {name}: {text}")
