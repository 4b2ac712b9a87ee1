"""What people are asked about who a customer is, and what they said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True)
class Asked:
    """One open question of a subject (a quote, a customer, a payer): which of these are the same? ``accounts`` and
    ``customers`` are ids with what people call them; ``evidence`` says in words what was found.
    """

    subject: str
    accounts: Mapping[str, str]
    customers: Mapping[str, str]
    evidence: str


@dataclass(frozen=True)
class Apart:
    """People said that this customer is not this Account's."""

    account_id: str
    customer_id: str
    by: str
    why: str
    decided_at: datetime


class Identities(Protocol):
    """Questions about who is who, of one Stripe account, and the pairs that people keep apart."""

    def ask(self, asked: Asked) -> None:
        """The question of this subject is this one. Whether it is still open is the subject's own state."""

    def asked(self, subjects: Iterable[str]) -> Mapping[str, Asked]:
        """The last question of each of these subjects that ever had one."""

    def keep_apart(self, account_id: str, customers: Iterable[str], *, by: str, why: str) -> int:
        """These customers are not proposed for this Account again; returns how many are so only since now."""

    def allow(self, account_id: str, customer_id: str) -> bool:
        """The two may be one after all; whether they were kept apart."""

    def apart(self, *, accounts: Iterable[str] = (), customers: Iterable[str] = ()) -> tuple[Apart, ...]:
        """All pairs that have one of these Accounts or one of these customers."""

    def followed(self, loser: str, winner: str) -> None:
        """What was decided about a merged Account holds for the one that it became."""
