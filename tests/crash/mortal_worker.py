"""`tandem worker`, wired as always, except that it stops dead at the points that a test has armed.

`python -m tests.crash.mortal_worker FOLDER`. Each life is a process of its own, forked from one that has imported
everything, so that dying thirty times does not mean importing thirty times. Deal units run one at a time in a life: then
a death meets one deal at one known point, and every point armed is met.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from urllib3.connection import HTTPConnection

from sync import wiring
from sync.cli import places
from sync.clock import Deadline
from sync.crm import CrmRow
from sync.facts import Meter
from sync.ports import Claim, Due, Flush, NewLink, Outcome, OutRow, RowResult
from sync.ports.usage import StoredUsage
from sync.records import Operation, Sent
from sync.run.pipeline import Pipeline
from sync.run.quote import QuoteRun
from sync.usage.rows import UsageRow
from sync.usage.windows import Window
from tests.crash.points import Points
from workers.stopping import stop_signals
from workers.worker import LaneThreads, run_worker


class Around:
    """The real thing, whose methods a subclass surrounds with points; everything else goes straight through."""

    def __init__(self, real: Any, points: Points, now_at: Whose) -> None:
        self._real, self._points, self._whose = real, points, now_at

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


class Whose(threading.local):
    """Whose work this thread does, and which operation it is at."""

    owner = ""
    operation = ""


def step(operation: Operation) -> str:
    """The step of a plan as points name it."""
    return ".".join(filter(None, (operation.ref.kind, str(operation.verb), operation.action)))


class MortalLedger(Around):
    """Before and after everything that the ledger is told of an operation."""

    def plan_operation(self, run_id: int, operation: Operation, **more: Any) -> int:
        self._whose.operation = step(operation)
        return int(self._real.plan_operation(run_id, operation, **more))

    def sent(self, op_id: int, claim: Claim, **more: Any) -> None:
        self._at("before it is marked sent")
        self._real.sent(op_id, claim, **more)
        self._at("marked sent, not called")

    def done(self, op_id: int, claim: Claim, sent: Sent, *, link: NewLink | None) -> None:
        self._at("effect, not written down")
        self._real.done(op_id, claim, sent, link=link)
        self._at("done")

    def _at(self, moment: str) -> None:
        self._points.reached(self._whose.owner, self._whose.operation, moment)


class MortalLinks(Around):
    """In the middle of the transaction that closes an operation: done, and not yet linked."""

    def add_on(self, connection: Any, link: NewLink) -> None:
        self._points.reached(self._whose.owner, self._whose.operation, "done, not linked")
        self._real.add_on(connection, link)


class InCalls(threading.local):
    """What happens in this thread once a request has left whole, before its answer is read."""

    then: Callable[[], None] | None = None

    def once(self, then: Callable[[], None]) -> None:
        """The next call of this thread meets it, and no other."""
        self.then = then

    def install(self) -> None:
        """All calls of this process go by here."""
        read_answer = HTTPConnection.getresponse

        def getresponse(connection: HTTPConnection) -> Any:
            then, self.then = self.then, None
            if then is not None:
                then()
            return read_answer(connection)

        HTTPConnection.getresponse = getresponse  # type: ignore[method-assign]


IN_CALLS = InCalls()


class MortalStripe(Around):
    """Inside a call to Stripe."""

    def send(self, operation: Operation, payload: Mapping[str, object], key: str) -> Sent:
        owner, what = self._whose.owner, step(operation)
        IN_CALLS.once(lambda: self._points.reached(owner, what, "inside the call"))
        return self._real.send(operation, payload, key)  # type: ignore[no-any-return]


class MortalSubjects(Around):
    """Before a claim's outcomes are stored."""

    def finish(self, claim: Claim, outcomes: Mapping[str, Outcome]) -> None:
        for due in claim.subjects:
            self._points.reached(due.key, "run", "before it is finished")
        self._real.finish(claim, outcomes)


class MortalPromises(Around):
    """After a quote was frozen, before anything is written to Stripe."""

    def freeze(self, promise: Any) -> Any:
        frozen = self._real.freeze(promise)
        self._points.reached(self._whose.owner, "promise", "frozen")
        return frozen


class MortalOutbox(Around):
    """Before rows are queued, when a flush was claimed, and when what came of it is written down."""

    def put(self, rows: Iterable[CrmRow], fence: int) -> int:
        rows = list(rows)
        for row in rows:
            self._points.reached(row.group, row.sobject, "not queued")
        return int(self._real.put(rows, fence))

    def claim_flush(self, limit: int = 1000) -> Flush | None:
        flush: Flush | None = self._real.claim_flush(limit)
        for row in flush.rows if flush else ():
            self._points.reached(row.row.group, row.row.sobject, "before the flush")
        return flush

    def finish_flush(self, flush: Flush, results: Mapping[int, RowResult], **more: Any) -> None:
        self._real.finish_flush(flush, results, **more)
        self._over(flush)

    def abandon_flush(self, flush: Flush, **more: Any) -> None:
        self._real.abandon_flush(flush, **more)
        self._over(flush)

    def _over(self, flush: Flush) -> None:
        for account in {row.row.group for row in flush.rows}:
            self._points.over(account)


class MortalSalesforce(Around):
    """Before a flush is called, inside the call, and after it before anybody writes down what Salesforce said."""

    def flush(self, rows: list[OutRow], deadline: Deadline) -> tuple[Mapping[int, RowResult], str | None]:
        self._at(rows, "before the call")
        IN_CALLS.once(lambda: self._at(rows, "inside the call"))
        answer = self._real.flush(rows, deadline)
        self._at(rows, "flushed, not acknowledged")
        return answer  # type: ignore[no-any-return]

    def _at(self, rows: list[OutRow], moment: str) -> None:
        for row in rows:
            self._points.reached(row.row.group, row.row.sobject, moment)


class MortalQuotes:
    """Remembers whose deal this thread works on, and says when it is through with it."""

    def __init__(self, real: QuoteRun, points: Points, whose: Whose) -> None:
        self._real, self._points, self._whose = real, points, whose

    def run(self, claim: Claim, due: Due) -> Outcome:
        self._whose.owner = due.key
        try:
            return self._real.run(claim, due)
        finally:
            self._points.over(due.key)


class OneDealAtATime(Pipeline):
    """The pipeline, with the deal lane taken in turn."""

    turn = threading.Lock()

    def run_deal(self, runs: Any = None, **more: Any) -> int:
        with self.turn:
            return super().run_deal(runs, **more)


class MortalUsage(Around):
    """Before a row is marked as called, before it is written down that Stripe has counted it, and when the last of a batch is."""

    def claim(self, limit: int) -> Sequence[StoredUsage]:
        claimed: Sequence[StoredUsage] = self._real.claim(limit)
        self._names = {row.id: row.row.identifier for row in claimed}
        self._last = claimed[-1].id if claimed else None
        return claimed

    def calling(self, id: int, now: datetime) -> None:
        self._points.reached(self._names[id], "usage", "before it is marked")
        self._real.calling(id, now)

    def sent(self, id: int, request_id: str, now: datetime) -> None:
        self._points.reached(self._names[id], "usage", "effect, not written down")
        self._real.sent(id, request_id, now)
        if id == self._last:
            self._points.reached("any", "usage", "between batches")


class MortalMetering(Around):
    """Around what a meter is told, and before it is asked for a deal."""

    def report(self, meter: Meter, customer: str, row: UsageRow, key: str) -> str:
        self._points.reached(row.identifier, "usage", "marked, not called")
        IN_CALLS.once(lambda: self._points.reached(row.identifier, "usage", "inside the call"))
        return str(self._real.report(meter, customer, row, key))

    def counted(self, meter: Meter, customer: str, start: datetime, end: datetime) -> int:
        self._points.reached(self._whose.owner, "meter", "not asked")
        return int(self._real.counted(meter, customer, start, end))


class MortalWindows(Around):
    """Before and after it is kept until when use of a deal is taken."""

    def keep(self, deal: str, windows: Sequence[Window]) -> None:
        self._points.reached(self._whose.owner, "windows", "not kept")
        self._real.keep(deal, windows)
        self._points.reached(self._whose.owner, "windows", "kept")


def mortal(services: wiring.Services, points: Points) -> Pipeline:
    """The pipeline of these services with the points around what they call."""
    whose, real = Whose(), services.pipeline
    ledger: Any = MortalLedger(services.ledger, points, whose)
    # The link is stored inside the ledger's own transaction: the only way between the two is the ledger's own links.
    services.ledger._links = MortalLinks(services.links, points, whose)  # type: ignore[assignment]
    stripe: Any = MortalStripe(services.stripe, points, whose)
    subjects: Any = MortalSubjects(services.subjects, points, whose)
    outbox: Any = MortalOutbox(services.outbox, points, whose)
    promises: Any = MortalPromises(services.promises, points, whose)
    salesforce: Any = MortalSalesforce(services.salesforce, points, whose)
    writer = replace(real.quotes.billing.writer, ledger=ledger, stripe=stripe)
    metering: Any = MortalMetering(real.quotes.planner.using.metering, points, whose)
    windows: Any = MortalWindows(real.quotes.planner.using.windows, points, whose)
    planner = replace(real.quotes.planner, using=replace(real.quotes.planner.using, metering=metering, windows=windows))
    billing = replace(real.quotes.billing, planner=planner, writer=writer, promises=promises)
    quotes = replace(real.quotes, planner=planner, billing=billing, promises=promises)
    stored: Any = MortalUsage(services.usage, points, whose)
    assert real.usage is not None
    parts: dict[str, Any] = {f.name: getattr(real, f.name) for f in fields(real)}
    parts |= {
        "subjects": subjects,
        "usage": replace(real.usage, store=stored, metering=metering),
        "quotes": MortalQuotes(quotes, points, whose),
        "mirror": replace(real.mirror, outbox=outbox, subjects=subjects),
        "flusher": replace(real.flusher, outbox=outbox, salesforce=salesforce),
    }
    return OneDealAtATime(**parts)


def live(points: Points) -> int:
    """One life of the worker; the exit code if it ends by being asked to."""
    IN_CALLS.install()
    with places.place(start=False, process="worker") as here, stop_signals() as stop:
        given = here.settings
        built = wiring.build(given, database_url=here.database_url, redis_url=here.redis_url)
        with contextlib.closing(built):
            threads = LaneThreads(deal=2, mirror=1, bulk=1)
            run_worker(mortal(built, points), here.redis_url, stop, threads=threads, within_s=given.call_deadline_s)
    return 0


def main(folder: Path) -> int:
    """Live again after each violent death, until asked to stop; the last life's exit code."""
    child, asked = 0, False

    def ask(number: int, _: object) -> None:
        nonlocal asked
        asked = True
        if child:
            os.kill(child, number)

    with _handling(signal.SIGTERM, ask):
        while True:
            child = os.fork()
            if child == 0:
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                os._exit(live(Points(folder)))
            if asked:
                os.kill(child, signal.SIGTERM)
            _, status = os.waitpid(child, 0)
            code = os.waitstatus_to_exitcode(status)
            if asked or code >= 0:
                return max(code, 0)


@contextlib.contextmanager
def _handling(number: signal.Signals, handler: Any) -> Iterator[None]:
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
