"""A reconcile of everything: Stripe's lists into the facts, then every billed Account, a batch at a time.

It may be stopped anywhere and goes on from where it was; it costs no deal anything, because it holds no unit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

import structlog

from sync.desired.differences import Cure, Difference, by_kind
from sync.desired.keys import PRODUCT
from sync.ports import Adoption, Budgets, Claim, Cursors, Ledger
from sync.ports.standing import LEADING
from sync.run.allowance import BulkAllowance
from sync.run.healing import Healing
from sync.run.listing import Listing
from sync.run.reconcile import Compared, Reconcile, claims

log = structlog.get_logger()
T = TypeVar("T")

SUBJECT = "reconcile:all"
#: Accounts of one batch: as many as one query names.
BATCH = 150
#: Customers read from the store at once.
READ_AT_ONCE = 500
#: Differences that a report keeps word for word; all are counted.
KEPT = 1000


@dataclass
class Report:
    """What a comparison came to. ``healed`` are fingerprints of differences that were put right."""

    started_at: datetime
    accounts: int = 0
    busy: list[str] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    healed: set[str] = field(default_factory=set)
    stripe_calls: int = 0
    salesforce_calls: int = 0
    finished: bool = False

    @property
    def left(self) -> list[Difference]:
        """What is still to be done by somebody."""
        return [d for d in self.differences if d.open and d.fingerprint not in self.healed]

    def add(self, compared: Compared, healed: frozenset[str] = frozenset()) -> None:
        """These Accounts were compared too."""
        self.accounts += len(compared.accounts) - len(compared.busy)
        self.busy += compared.busy
        self.differences += compared.differences
        self.healed |= healed

    def to_json(self) -> dict[str, object]:
        """As JSON types."""
        left = self.left
        drift = Counter((str(d.kind), str(d.cure)) for d in left)
        return {
            "started_at": self.started_at.isoformat(),
            "finished": self.finished,
            "accounts": self.accounts,
            "busy": self.busy,
            "found": len(self.differences),
            "healed": len(self.healed),
            "left": len(left),
            "for_a_person": sum(d.cure is Cure.PERSON for d in left),
            "kinds": [one.to_json() for one in by_kind(self.differences)],
            "drift": [{"field": kind, "severity": cure, "count": n} for (kind, cure), n in sorted(drift.items())],
            "stripe_calls": self.stripe_calls,
            "salesforce_calls": self.salesforce_calls,
            "differences": self.told(0, KEPT),
        }

    def told(self, first: int, behind: int) -> list[dict[str, object]]:
        """These differences, from the first to the one before ``behind``, as JSON types."""
        return [{**d.to_json(), "healed": d.fingerprint in self.healed} for d in self.differences[first:behind]]


@dataclass(frozen=True)
class Sweep:
    """A reconcile of everything, with everything it needs of the outside."""

    reconcile: Reconcile
    healing: Healing
    adoption: Adoption
    cursors: Cursors
    ledger: Ledger
    budgets: Budgets

    def run(
        self,
        name: str,
        *,
        heal: bool,
        resume: bool = False,
        keep: Callable[[], None] = lambda: None,
        say: Callable[[str], None] = lambda _: None,
    ) -> Report:
        """Everything is compared, and what is ours is put right if ``heal``; the report is kept among the runs.

        ``keep`` is called between two pieces of work and may raise to stop. Raises what a reading raises; with
        ``resume`` the next run of this ``name`` goes on from there.
        """
        state = Progress(self.cursors, self.adoption, name, self.reconcile.clock.now(), resume=resume)
        calls = (self.reconcile.stripe.calls, self.reconcile.salesforce.calls)
        report = state.report
        earlier = (report.stripe_calls, report.salesforce_calls)

        def count() -> None:
            report.stripe_calls = earlier[0] + self.reconcile.stripe.calls - calls[0]
            report.salesforce_calls = earlier[1] + self.reconcile.salesforce.calls - calls[1]

        state.save()
        try:
            self._list_stripe(name, state.resumed, keep, say)
            state.claimed = self._claimed()
            accounts = self._accounts(state, keep)
            self._compare(state, [a for a in accounts if a > state.position], len(accounts), heal, keep, say)
            self._again(state, heal)
            compared = self.allowance.ask(lambda: self.reconcile.products(self.products()))
            report.add(compared, self.healing.heal(compared) if heal else frozenset())
        finally:
            count()
            state.save()
        report.finished = True
        state.save()
        self._record(report, name)
        return report

    def finished_since(self, name: str, moment: datetime) -> Report | None:
        """The last report of this ``name``, if it came to its end and was begun at this business moment or later."""
        kept: Mapping[str, Any] | None = self.cursors.get(f"reconcile:{name}")
        if kept is None or not kept["report"]["finished"]:
            return None
        report = _report(kept["report"], _pieces(self.adoption, f"reconcile:{name}:found:"))
        return replace(report, finished=True) if report.started_at >= moment else None

    def products(self) -> list[str]:
        """Every Product2 that a product of Stripe names."""
        return sorted({one.metadata[PRODUCT] for one in self.adoption.keyed("product", PRODUCT)})

    def _list_stripe(self, name: str, resume: bool, keep: Callable[[], None], say: Callable[[str], None]) -> None:
        """Every list of Stripe is in the facts, read side by side under one rate."""
        prefix = f"reconcile:{name}:list:"
        if not resume:
            self.adoption.clear(prefix)

        def told(line: str) -> None:
            keep()
            say(line)

        reconcile = self.reconcile
        Listing(reconcile.stripe, self.adoption, reconcile.facts, prefix, None, told).read()

    # ------------------------------------------------------------ Accounts

    def _claimed(self) -> dict[str, list[str]]:
        """Customers that name an Account though no link of ours does, by Account."""
        found, after = dict[str, list[str]](), ""
        while some := self.adoption.unlinked_customers(after, READ_AT_ONCE):
            for account_id, ids in claims(some).items():
                found.setdefault(account_id, []).extend(ids)
            after = some[-1].id
        return found

    def _accounts(self, state: Progress, keep: Callable[[], None]) -> list[str]:
        """Every Account with anything to do with billing on either side, in order."""
        found = {*self.reconcile.comparing.linked_accounts(), *state.claimed}
        for sobject in LEADING:
            after: str | None = None
            while True:
                keep()
                page = self.allowance.ask(partial(self.reconcile.salesforce.billed_accounts, sobject, after))
                found.update(page.account_ids)
                after = page.after
                if after is None:
                    break
        return sorted(found)

    def _compare(
        self,
        state: Progress,
        accounts: Sequence[str],
        total: int,
        heal: bool,
        keep: Callable[[], None],
        say: Callable[[str], None],
    ) -> None:
        for first in range(0, len(accounts), BATCH):
            keep()
            some = accounts[first : first + BATCH]
            self._one_batch(state, some, heal)
            state.position = some[-1]
            state.save()
            say(
                f"{total - len(accounts) + first + len(some)} of {total} accounts, {len(state.report.left)} differences"
            )

    def _one_batch(self, state: Progress, accounts: Sequence[str], heal: bool) -> None:
        compared = self.allowance.ask(lambda: self.reconcile.compare(accounts, state.claimed))
        state.report.add(compared, self.healing.heal(compared) if heal else frozenset())

    @property
    def allowance(self) -> BulkAllowance:
        """What it may ask of Salesforce today."""
        return BulkAllowance(self.budgets, "; what was compared is kept.", lambda: self.reconcile.salesforce.calls)

    def _again(self, state: Progress, heal: bool) -> None:
        """Accounts that were being worked on are looked at once more."""
        report = state.report
        for some in [report.busy[i : i + BATCH] for i in range(0, len(report.busy), BATCH)]:
            self._one_batch(state, some, heal)
            report.busy = report.busy[len(some) :]  # those that are busy still stand at the end now
            state.save()

    def _record(self, report: Report, name: str) -> None:
        """The result is a run like any other: in the store, and in the metrics."""
        claim = Claim("bulk", "", self.reconcile.facts.fence(), ())
        data = report.to_json()
        run_id = self.ledger.open_run(
            claim=claim, subject=SUBJECT, trigger=name, as_of=report.started_at, digest="", plan=data
        )
        self.ledger.close_run(run_id, outcome="done")
        log.info(
            "reconciled", trigger=name, accounts=report.accounts, found=len(report.differences), healed=len(report.healed),
            left=len(report.left), stripe_calls=report.stripe_calls, salesforce_calls=report.salesforce_calls,
        )  # fmt: skip


class Progress:
    """How far the comparison of Accounts is, kept so that it can go on. A report tells a thousand differences; here every
    one is kept, in pieces as they were found, or what is found after a stop would seem to be all that there is.
    """

    def __init__(self, cursors: Cursors, adoption: Adoption, name: str, now: datetime, *, resume: bool) -> None:
        self._cursors, self._adoption = cursors, adoption
        self._name, self._pieces = f"reconcile:{name}", f"reconcile:{name}:found:"
        kept: Mapping[str, Any] | None = cursors.get(self._name) if resume else None
        data: Mapping[str, Any] = kept if kept and not kept["report"]["finished"] else {}
        self.resumed = bool(data)
        self.claimed: Mapping[str, Sequence[str]] = {}
        self.position: str = str(data.get("position") or "")
        if not data:
            adoption.clear(self._pieces)
        found = _pieces(adoption, self._pieces) if data else []
        self._saved = len(found)
        self.report = _report(data["report"], found or data["report"]["differences"]) if data else Report(now)

    def save(self) -> None:
        """A sweep that is begun again goes on from here."""
        new = self.report.told(self._saved, len(self.report.differences))
        piece = {f"{self._pieces}{self._saved:09}": {"differences": new}} if new else {}
        self._adoption.keep({**piece, self._name: {"position": self.position, "report": self.report.to_json()}})
        self._saved += len(new)


def _pieces(adoption: Adoption, prefix: str) -> list[Mapping[str, Any]]:
    """Every difference that was kept under these names, in order."""
    pieces: Mapping[str, Mapping[str, Any]] = adoption.progress(prefix)
    return [one for _, piece in sorted(pieces.items()) for one in piece["differences"]]


def _report(data: Mapping[str, Any], found: Sequence[Mapping[str, Any]]) -> Report:
    return Report(
        datetime.fromisoformat(data["started_at"]),
        accounts=int(data["accounts"]),
        busy=list(data["busy"]),
        differences=[Difference.from_json(one) for one in found],
        healed={one["fingerprint"] for one in found if one["healed"]},
        stripe_calls=int(data["stripe_calls"]),
        salesforce_calls=int(data["salesforce_calls"]),
    )
