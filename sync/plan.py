"""A plan: what would be written, in order, as a value that can be printed, compared, reviewed and refused."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from sync import catalogue
from sync.deal.calendar import instant
from sync.deal.money import plain
from sync.errors import Unsafe
from sync.records import Operation, Ref, Value

#: What is done about a catalogue object that is not what its name says; then Tandem makes its own, or goes on with it.
_CURES = {
    "price": "Nothing was billed by it. Archive it in Stripe, or take its lookup key away: Tandem makes one of its own.",
    "coupon": "Nothing was billed by it. Delete it in Stripe: Tandem makes one of its own.",
    "meter": (
        "Nothing was billed by it. Activate it in Stripe if it is inactive; if it counts otherwise, give the product an event"
        " of its own (Product2.Meter_Event__c) and quote it anew."
    ),
}


@dataclass(frozen=True)
class Drift:
    """A part of an object of ours that is not as we made it, and that no plan may overwrite: a person decides."""

    ref: Ref
    remote_id: str
    part: str
    wanted: Value
    found: Value
    shared: bool = False

    def said(self) -> tuple[str, str, str]:
        """Where the first single thing differs, as a person would point at it; what should be there, and what is."""
        place, unlike = _narrowed(self.part, self.wanted, self.found)
        wanted, found = (_say_at(place, value) for value in unlike)
        return place, wanted, found


@dataclass(frozen=True)
class Plan:
    """Operations in the order in which they are sent. ``complete`` is False when, once they have taken effect and been
    read back, another pass goes on.
    """

    operations: tuple[Operation, ...] = ()
    drift: tuple[Drift, ...] = ()
    complete: bool = True

    def __bool__(self) -> bool:
        return bool(self.operations or self.drift)

    @property
    def counts(self) -> Mapping[str, int]:
        """How many operations of each kind: ``{"create schedule": 1}``."""
        return Counter(f"{_verb(operation)} {operation.ref.kind}" for operation in self.operations)

    def raise_if_unsafe(self) -> None:
        """Raise Unsafe when something was changed outside: DATA-219 for a deal's object, BUG-503 for a catalogue object."""
        if not self.drift:
            return
        first = self.drift[0]
        place, wanted, found = first.said()
        where = f"{first.ref.kind} {first.remote_id}, {place}"
        others = len(self.drift) - 1
        more = f" {others} more part{'s differ' if others > 1 else ' differs'}." if others else ""
        tail = f"Nothing was overwritten.{more} Compare the two sides, then keep one."
        if first.shared:
            what = f"{where} is {found}, but what is named so must be {wanted}"
            raise Unsafe(
                "BUG-503", catalogue.message("BUG-503", f"{_CURES.get(first.ref.kind, tail)}{more}", what=what)
            )
        detail, charged = tail, "Nothing more was charged."
        words = catalogue.message("DATA-219", detail, charged=charged, where=where, found=found, wanted=wanted)
        raise Unsafe("DATA-219", words)

    def text(self) -> str:
        """The plan for people, one operation a line, in order; says so when there is nothing to do."""
        lines = [f"{_verb(o)} {o.ref}{_details(o)}" for o in self.operations]
        lines += [f"changed outside: {d.ref} {d.part}: {_say(d.found)}, not {_say(d.wanted)}" for d in self.drift]
        if not self.complete:
            lines.append("then read back, and the rest of it")
        return "\n".join(lines) if lines else "nothing to do"

    def to_json(self) -> dict[str, object]:
        """The plan as JSON types, schema 1."""
        return {
            "schema": 1,
            "digest": self.digest(),
            "complete": self.complete,
            "operations": [_json_operation(operation) for operation in self.operations],
            "drift": [_json_drift(drift) for drift in self.drift],
        }

    def drift_digest(self) -> str:
        """What was changed by hand, as a hash: a decision to put it back is about exactly this."""
        return Plan(drift=self.drift).digest()

    def digest(self) -> str:
        """What was reviewed, as a hash: the intended writes and the actual values they rest on. Neither order nor
        creates of shared catalogue objects count.
        """
        mine = [_json_operation(o) for o in self.operations if not o.shared]
        parts = sorted(json.dumps(part, sort_keys=True) for part in (*mine, *map(_json_drift, self.drift)))
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def to_plain(value: Value) -> object:
    """A value as JSON types: references as ``kind:key``, decimals in plain notation without trailing zeros."""
    if isinstance(value, Ref):
        return str(value)
    if isinstance(value, Decimal):
        return format(plain(value), "f")
    if isinstance(value, Mapping):
        return {key: to_plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_plain(part) for part in value]
    return value


def _json_operation(operation: Operation) -> dict[str, object]:
    return {
        "verb": str(operation.verb),
        "action": operation.action,
        "ref": str(operation.ref),
        "remote_id": operation.remote_id,
        "payload": to_plain(operation.payload),
        "before": to_plain(operation.before),
        "shared": operation.shared,
        "money": operation.money,
    }


def _json_drift(drift: Drift) -> dict[str, object]:
    found, wanted = to_plain(drift.found), to_plain(drift.wanted)
    return {"ref": str(drift.ref), "remote_id": drift.remote_id, "part": drift.part, "found": found, "wanted": wanted}


def _verb(operation: Operation) -> str:
    return operation.action or str(operation.verb)


def _details(operation: Operation) -> str:
    parts = [operation.remote_id or "", ", ".join(operation.changed), "bills" if operation.money else ""]
    shown = "; ".join(part for part in parts if part)
    return f" ({shown})" if shown else ""


def _narrowed(place: str, wanted: Value, found: Value) -> tuple[str, tuple[Value, Value]]:
    """The first single thing that differs, as a person would point at it: *phases 1, items 2, quantity*."""
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        for key in (k for k in sorted({*wanted, *found}) if wanted.get(k) != found.get(k)):
            return _narrowed(f"{place}, {key}", wanted.get(key), found.get(key))
    if isinstance(wanted, (list, tuple)) and isinstance(found, (list, tuple)):
        if len(wanted) != len(found):
            return f"number of {place}", (len(wanted), len(found))
        for number, (one, other) in enumerate(zip(wanted, found, strict=True), start=1):
            if one != other:
                return _narrowed(f"{place} {number}", one, other)
    return place, (wanted, found)


def _say_at(place: str, value: Value) -> str:
    moment = isinstance(value, int) and place.endswith((", start", ", end"))
    return f"{instant(int(str(value))):%Y-%m-%d %H:%MZ}" if moment else _say(value)


def _say(value: Value) -> str:
    shown = "nothing" if value is None else to_plain(value)
    return shown if isinstance(shown, str) else json.dumps(shown, sort_keys=True, ensure_ascii=False)
