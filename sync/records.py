"""The words the whole pipeline speaks: references, desired and actual objects, operations. No I/O, no SDK types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias


@dataclass(frozen=True, order=True)
class Ref:
    """Names an object on the Stripe side before and after it exists.

    By our own key, which is also in the object's metadata (or *is* its natural id):
      ``customer`` (Salesforce Account id), ``product`` (its Stripe id), ``price`` (its lookup_key), ``coupon`` (its
      id),
      ``schedule`` / ``subscription`` (deal key, e.g. ``0Q0...``, ``0Q0...#2`` for a second object of one deal),
      ``invoice`` (natural key of a stated amount), ``invoiceitem``.
    """

    kind: str
    key: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.key}"


Value: TypeAlias = "str | int | bool | Decimal | Ref | Sequence[Value] | Mapping[str, Value] | None"
Fields = Mapping[str, Value]


class Verb(StrEnum):
    """What an operation does to its object. Money moves are Creates or Acts with a natural key, never side effects
    (DESIGN 8, 14).
    """

    CREATE = "create"
    UPDATE = "update"
    RETIRE = "retire"
    ACT = "act"  # a named action on an existing object: finalize, release, cancel ...


@dataclass(frozen=True)
class Desired:
    """An object that should exist on the Stripe side.

    ``create`` are the parameters that make it. ``compare`` are the same facts in the normalised form in which
    `sync.diff` holds them against what is there: a fresh object must diff to nothing. ``update`` are the parameters to
    send when a changeable part differs, keyed like ``compare``; ``acts`` names the action that brings a part about.
    A part that differs and is in neither was changed outside, or can't be changed: a person is told. ``before`` are
    parts as they must be found for a change to be ours to make; found otherwise, they were changed outside too.
    ``shared`` marks catalogue objects (no lock, left out of the digest).
    """

    ref: Ref
    create: Fields
    compare: Fields = field(default_factory=dict)
    shared: bool = False
    money: bool = False  # creating it charges somebody, now or later
    update: Mapping[str, Fields] = field(default_factory=dict)
    acts: Mapping[str, str] = field(default_factory=dict)
    before: Fields = field(default_factory=dict)
    unfinished: bool = False  # creating it is not all: read back, the next pass goes on


@dataclass(frozen=True)
class Operation:
    """One write to one Stripe object. `Ref` values inside ``payload`` are resolved to Stripe ids when it is sent."""

    verb: Verb
    ref: Ref
    payload: Fields
    remote_id: str | None = None  # of an existing object (UPDATE, RETIRE, ACT)
    action: str = ""  # for ACT: "finalize", "release", ...
    before: Fields = field(default_factory=dict)  # the actual values this rests on; part of the digest
    changed: tuple[str, ...] = ()
    shared: bool = False
    money: bool = False


@dataclass(frozen=True)
class Sent:
    """What the other side answered to one operation that took effect."""

    remote_id: str
    body: Mapping[str, object]
    request_id: str
    replayed: bool = False
