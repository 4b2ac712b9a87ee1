"""A deal's subscription that somebody let go of its schedule, and that goes on after the signed term: from then on it is a
plan without a quote, as if it had been bought on the web site (BILLING_RULES 6).

While the term runs, a schedule that was released, or told to let go at its end, is a change made in Stripe (DATA-219). One of
a deal without an end that lets go as planned (`end_behavior=release`) is none of these: what it leaves running belongs to
its deal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

from sync.desired.keys import ENDS_ON, TERM_END
from sync.desired.made import LET_GO
from sync.facts import Fact, Schedule


def let_go(schedules: Iterable[Fact]) -> frozenset[str]:
    """The subscriptions that were released from a schedule which would have ended them, had nobody changed it."""
    released = (s for s in schedules if isinstance(s, Schedule) and s.status == LET_GO)
    ends = (s for s in released if s.end_behavior == "cancel" or TERM_END in s.metadata)
    return frozenset(s.released_subscription for s in ends if s.released_subscription)


def term_is_over(metadata: Mapping[str, str], day: date) -> bool:
    """Whether the signed term of a deal's object was over on a day; one that a Cancellation ended never goes on."""
    end = metadata.get(TERM_END)
    return end is not None and ENDS_ON not in metadata and date.fromisoformat(end) <= day
