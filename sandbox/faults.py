"""Faults that the control port plants: which request meets one, and which kind.

Kinds and what they do (``middleware.py`` applies them; a half words the vendor's answer):
``rate_limit`` ``quota`` ``lock`` ``error_500`` ``expire_token`` answer in the vendor's shape; ``drop`` closes the
connection without doing the work; ``timeout_after_effect`` does the work and never answers; ``delay`` answers late.
``refuse_later`` is for Stripe's meter events: they are taken, do not count, and a report says so within a minute. ``refuse``
is a 400 of Stripe for a reason that nobody could foresee.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SYSTEMS = ("stripe", "salesforce")
KINDS = (
    "rate_limit",
    "error_500",
    "timeout_after_effect",
    "drop",
    "delay",
    "lock",
    "quota",
    "expire_token",
    "refuse_later",
    "refuse",
)
_KEYS = {"system", "kind", "ratio", "next", "match", "delay_s", "account"}
_NOT_OF_STRIPE = {"quota", "expire_token"}
_NOT_OF_SALESFORCE = {"refuse_later", "refuse"}
DEFAULT_DELAY_S = 2.0
LONGEST_DELAY_S = 120.0


class FaultRefused(ValueError):
    """The description of a fault is not one; the text says what is wrong with it."""


@dataclass
class Fault:
    """One planted fault: hits a share of the requests (``ratio``) or the next ``left`` of them."""

    system: str
    kind: str
    ratio: float | None = None
    left: int | None = None
    match: str = ""
    delay_s: float = DEFAULT_DELAY_S
    account: str = ""

    @classmethod
    def parse(cls, data: Any) -> Fault:
        """Read the body of ``POST /faults``. Raises :class:`FaultRefused` on anything unknown."""
        if not isinstance(data, Mapping):
            raise FaultRefused("a fault is a JSON object")
        if unknown := sorted(set(data) - _KEYS):
            raise FaultRefused(f"unknown key: {', '.join(map(str, unknown))}; known are {', '.join(sorted(_KEYS))}")
        system, kind = data.get("system"), data.get("kind")
        if system not in SYSTEMS:
            raise FaultRefused(f"system must be one of {', '.join(SYSTEMS)}")
        if kind not in KINDS:
            raise FaultRefused(f"kind must be one of {', '.join(KINDS)}")
        if system == "stripe" and kind in _NOT_OF_STRIPE:
            raise FaultRefused(f"Stripe has no {kind}")
        if system == "salesforce" and kind in _NOT_OF_SALESFORCE:
            raise FaultRefused(f"Salesforce has no {kind}")
        if ("ratio" in data) == ("next" in data):
            raise FaultRefused("give either ratio (0 to 1) or next (a count)")
        match = data.get("match", "")
        if not isinstance(match, str):
            raise FaultRefused("match must be text: a part of 'METHOD /path'")
        account = data.get("account", "")
        if not isinstance(account, str) or (account and system != "stripe"):
            raise FaultRefused("account must be the name or id of a Stripe account")
        return cls(system, kind, _ratio(data), _count(data), match, _delay(data), account)

    def hits(self, system: str, target: str, account: str) -> bool:
        """Whether a request ``METHOD /path`` of this system, made of this account, is one this fault is about."""
        mine = self.account in ("", account)
        return self.system == system and mine and self.match in target and self.left != 0

    def as_dict(self) -> dict[str, Any]:
        """What ``POST /faults`` answers."""
        shown = {"system": self.system, "kind": self.kind, "ratio": self.ratio, "next": self.left, "match": self.match}
        shown["account"] = self.account
        return {key: value for key, value in shown.items() if value not in (None, "")}


def _number(data: Mapping[str, Any], key: str, low: float, high: float) -> float:
    value = data[key]
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise FaultRefused(f"{key} must be a number from {low:g} to {high:g}")
    return float(value)


def _ratio(data: Mapping[str, Any]) -> float | None:
    return _number(data, "ratio", 0, 1) if "ratio" in data else None


def _count(data: Mapping[str, Any]) -> int | None:
    if "next" not in data:
        return None
    value = data["next"]
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise FaultRefused("next must be a whole number from 1")
    return value


def _delay(data: Mapping[str, Any]) -> float:
    return _number(data, "delay_s", 0, LONGEST_DELAY_S) if "delay_s" in data else DEFAULT_DELAY_S


class Faults:
    """The planted faults, in the order in which they were planted."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._planted: list[Fault] = []

    def plant(self, fault: Fault) -> None:
        """From now on requests meet this fault too."""
        self._planted.append(fault)

    def clear(self) -> None:
        """No request meets a fault any more. Requests already held stay held."""
        self._planted.clear()

    def pick(self, system: str, method: str, path: str, account: str = "") -> Fault | None:
        """The fault this request meets, counted as used; the first planted one that wants it."""
        target = f"{method} {path}"
        for fault in self._planted:
            if not fault.hits(system, target, account):
                continue
            if fault.left is not None:
                fault.left -= 1
                return fault
            if self._rng.random() < (fault.ratio or 0):
                return fault
        return None
