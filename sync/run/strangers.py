"""Customers of the web site whom nobody in the CRM knew, and Accounts that came, or got their e-mail, only after them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sync.ports import Change, Facts, Links, Mark, Subjects
from sync.run.intake import unit_of


@dataclass(frozen=True)
class Strangers:
    """Those of one Stripe account. Asks neither vendor: who is looked up again is found by what was last seen of them."""

    facts: Facts
    links: Links
    subjects: Subjects

    def met(self, changes: Sequence[Change]) -> int:
        """Customers without an Account that were looked up before, and have the e-mail or the id that stands on an
        Account which changed, are due; returns how many.
        """
        said = {word for change in changes if not change.deleted for word in change.payer_by}
        if not said:
            return 0
        seen = {*self.facts.customers_with_any(said), *self.facts.get("customer", said)}
        unknown = sorted(seen - self.links.by_stripe_id(seen).keys()) if seen else []
        waiting = [mark for mark in map(_mark, unknown) if self._waits(mark.key)]
        return self.subjects.mark(waiting, reason="account_changed") if waiting else 0

    def _waits(self, key: str) -> bool:
        """Whether nobody was found, or a person was asked. Of one who never bought there is nothing to show."""
        state = self.subjects.state(key)
        return state is not None and (state.wake_at is not None or state.failed_at is not None)


def _mark(customer: str) -> Mark:
    return Mark(f"customer:{customer}", "deal", unit_of(customer))
