"""What a run of some subjects would do, worked out without a write; and the proof, at apply, that it is still the same.

A rehearsal is kept under its digest for half an hour of machine time: the business instant it was made for, and each
subject's own digest (the intended Stripe writes and the actual values they rest on; shared catalogue creates left out).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, cast

from sync.cli.exits import Refused
from sync.cli.several import knowing
from sync.deal.money import format_amount
from sync.errors import SyncError, Transient
from sync.plan import Plan
from sync.ports.outbox import RefusedRows

if TYPE_CHECKING:
    from sync.wiring import Services

#: Machine seconds that a reviewed plan is good for.
VALID_S = 1800
NOTHING = "nothing to do"
GONE = "not in Salesforce, nothing to do"
MIRRORED = "read again and shown in Salesforce"


@dataclass(frozen=True)
class Rehearsed:
    """One subject. ``plan`` is None where nothing would be written to Stripe by its nature, or where ``code`` says why not."""

    key: str
    plan: Plan | None = None
    code: str | None = None
    message: str = ""
    passing: bool = False
    before: bool = False  # it failed already when this was worked out
    gone: bool = False  # Salesforce has no such record
    sum_minor: int | None = None
    currency: str | None = None
    stripe_account: str = ""  # the name of the one that bills it, where they have names

    @property
    def result(self) -> str:
        """In a few words: what would happen."""
        if self.code:
            return f"{'not known now' if self.passing else 'still fails' if self.before else 'fails'} {self.code}"
        if self.gone:
            return GONE
        if self.plan is None:
            return MIRRORED
        return ", ".join(f"{verb}" for verb in self.plan.counts) or NOTHING

    @property
    def digest(self) -> str:
        """What a person reviewed of it."""
        return (
            self.plan.digest()
            if self.plan is not None and not self.code
            else self.code or ("gone" if self.gone else "mirror")
        )

    def to_json(self) -> dict[str, object]:
        """As JSON types."""
        return {
            "subject": self.key,
            **({"stripe_account": self.stripe_account} if self.stripe_account else {}),
            "result": self.result,
            "code": self.code,
            "message": self.message,
            "digest": self.digest,
            "sum_minor": self.sum_minor,
            "currency": self.currency,
            "plan": self.plan.to_json() if self.plan is not None else None,
        }


@dataclass(frozen=True)
class Rehearsal:
    """Subjects in order, all worked out for the one business instant ``as_of``."""

    subjects: tuple[Rehearsed, ...]
    as_of: datetime
    rows: tuple[RefusedRows, ...] = ()  # that Salesforce refused, and that would be sent again
    rows_of: str | None = None  # the code whose rows go along, "" for all, None for none

    @property
    def digest(self) -> str:
        """Of the whole, whatever the order."""
        lines = sorted(f"{s.key} {s.digest}" for s in self.subjects)
        lines += [f"rows {self.rows_of}"] if self.rows else []
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]

    @property
    def stripe_calls(self) -> int:
        """Writes that Stripe would see."""
        return sum(len(s.plan.operations) for s in self.subjects if s.plan is not None and not s.code)

    @property
    def salesforce_calls(self) -> int:
        """About how many calls Salesforce would see: one read for each deal, and the batched writes."""
        deals = sum(s.key.startswith("quote:") for s in self.subjects)
        return deals + -(-len(self.subjects) // 200) if self.subjects else 0

    @property
    def sums(self) -> dict[str, int]:
        """Minor units at stake, by currency."""
        sums: Counter[str] = Counter()
        for subject in self.subjects:
            if subject.sum_minor is not None and subject.currency:
                sums[subject.currency.upper()] += subject.sum_minor
        return dict(sorted(sums.items()))

    @property
    def headline(self) -> str:
        """Counts, calls and the sum of money, in one line."""
        results = Counter(s.result for s in self.subjects)
        parts = [f"{len(self.subjects)} record{'s' if len(self.subjects) != 1 else ''}"]
        parts += [f"{count} {result}" for result, count in results.most_common()]
        parts.append(f"Stripe calls {self.stripe_calls}, Salesforce calls {self.salesforce_calls}")
        parts.append("sum " + (", ".join(format_amount(v, c) for c, v in self.sums.items()) or "not known"))
        return " | ".join(parts)

    def to_json(self) -> dict[str, object]:
        """As JSON types."""
        return {
            "plan": self.digest,
            "as_of": self.as_of,
            "subjects": [s.to_json() for s in self.subjects],
            "stripe_calls": self.stripe_calls,
            "salesforce_calls": self.salesforce_calls,
            "sums_minor": self.sums,
            "rows": [{"code": r.code, "object": r.sobject, "count": r.many, "message": r.message} for r in self.rows],
        }


@dataclass(frozen=True)
class _Instant:
    """A clock that stands still."""

    instant: datetime

    def now(self) -> datetime:
        return self.instant


def rehearse(services: Services, keys: Sequence[str], *, as_of: datetime | None = None) -> Rehearsal:
    """What runs of these subjects would do at ``as_of`` (default: now). Nothing is written on either side."""
    instant = as_of or services.clock.now()
    return Rehearsal(tuple(_one(services, key, instant) for key in keys), instant)


def keep(services: Services, rehearsal: Rehearsal) -> None:
    """The rehearsal can be asked for by its digest from now on."""
    value = {
        "as_of": rehearsal.as_of.isoformat(),
        "machine_s": machine_s(services),
        "subjects": {s.key: s.digest for s in rehearsal.subjects},
        "rows_of": rehearsal.rows_of if rehearsal.rows else None,
    }
    services.cursors.put(_name(rehearsal.digest), value)


def reviewed(services: Services, digest: str) -> tuple[datetime, Mapping[str, str]]:
    """The business instant and the subjects' digests of a kept rehearsal. Refused when unknown or older than half an hour."""
    kept = _kept(services, digest)
    subjects = cast("Mapping[str, str]", kept["subjects"])
    return datetime.fromisoformat(str(kept["as_of"])), subjects


def rows_reviewed(services: Services, digest: str) -> str | None:
    """The code whose refused rows go along with a kept rehearsal, "" for all of them, None for none. Refused as `reviewed`."""
    return cast("str | None", _kept(services, digest).get("rows_of"))


def _kept(services: Services, digest: str) -> Mapping[str, object]:
    kept = services.cursors.get(_name(digest))
    if kept is None:
        raise Refused(f"no plan {digest} was rehearsed here.")
    if machine_s(services) - float(str(kept["machine_s"])) > VALID_S:
        raise Refused(f"plan {digest} is older than {VALID_S // 60} minutes: rehearse again.")
    return kept


def unlike(rehearsal: Rehearsal, subjects: Mapping[str, str]) -> list[str]:
    """Keys whose rehearsal is not what was reviewed, those that were not reviewed at all included."""
    return [s.key for s in rehearsal.subjects if subjects.get(s.key) != s.digest]


def machine_s(services: Services) -> int:
    """PostgreSQL's clock in whole seconds: plans age by machine time."""
    return int(services.machine_now().timestamp())


def _name(digest: str) -> str:
    return f"plan:{digest}"


def _one(services: Services, key: str, instant: datetime) -> Rehearsed:
    kind, _, id_ = key.partition(":")
    if kind != "quote":
        return Rehearsed(key)
    services = knowing(services, key)
    known = services.subjects.state(key)
    at_stake = Rehearsed(key, stripe_account=services.name)
    if known is not None:
        at_stake = replace(
            at_stake, sum_minor=known.sum_minor, currency=known.currency, before=known.error_code is not None
        )
    preview: Callable[[str], object] = replace(services.pipeline.quotes, clock=_Instant(instant)).preview
    try:
        worked = cast("Worked | None", preview(id_))
        if worked is None:
            return replace(at_stake, gone=True)
        worked.plan.raise_if_unsafe()
    except SyncError as error:
        if services.pipeline.quotes.closed(id_, error) is not None:
            return replace(at_stake, plan=Plan(()))
        return replace(at_stake, code=error.code, message=error.message, passing=isinstance(error, Transient))
    signed, currency = worked.forecast.signed, worked.forecast.currency
    return Rehearsed(key, worked.plan, sum_minor=signed, currency=currency, stripe_account=services.name)


if TYPE_CHECKING:
    from sync.run.planner import Worked
