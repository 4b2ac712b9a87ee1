"""The share of Salesforce's daily allowance that bulk work may use: the more urgent lanes keep theirs (DESIGN 5, Budget)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from sync.errors import Transient
from sync.ports import Budgets
from sync.run.flush import SALESFORCE
from sync.run.listing import patiently

T = TypeVar("T")


@dataclass(frozen=True)
class BulkAllowance:
    """``then`` says what becomes of what was done when it is used up. ``calls`` counts the requests of this process; without
    it a question counts as one.
    """

    budgets: Budgets
    then: str
    calls: Callable[[], int] | None = None

    def check(self) -> None:
        """Raise TEMP-405 when bulk work may ask no more today."""
        if not self.budgets.may_spend(SALESFORCE, "bulk"):
            raise Transient(
                "TEMP-405", f"Salesforce's daily allowance is used as far as bulk work may use it{self.then}"
            )

    def ask(self, call: Callable[[], T]) -> T:
        """Salesforce's answer, as long as there is allowance left; raises TEMP-405, or its Transient after some tries."""
        self.check()
        before = self.calls() if self.calls else 0
        answer = patiently(call)
        self.budgets.spent(SALESFORCE, "bulk", max(1, self.calls() - before) if self.calls else 1)
        return answer
