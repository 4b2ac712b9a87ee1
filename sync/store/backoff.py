"""When to try again what will pass by itself: 5 s, 30 s, 2 min, 10 min, 1 h, 6 h with jitter, for a day (users: the T-plan)."""

from __future__ import annotations

import random
from dataclasses import dataclass

PLAN_S = (5.0, 30.0, 120.0, 600.0, 3600.0, 21600.0)


@dataclass(frozen=True)
class Backoff:
    """The plan. All durations are seconds of machine time.

    ``cap_s`` shortens every pause of the plan (a drain waits two seconds at most), never a pause that the other side asked for.
    ``jitter`` is the largest part by which a pause is lengthened or shortened. After ``give_up_s`` of trying a person is told.
    """

    plan_s: tuple[float, ...] = PLAN_S
    cap_s: float | None = None
    jitter: float = 0.2
    give_up_s: float = 86400.0

    def pause_s(self, attempts: int, after_s: float | None = None) -> float:
        """The pause after the ``attempts``-th try (1 or more); ``after_s`` is what the other side asked for, and is kept."""
        if after_s is not None:
            return max(0.0, after_s)
        planned = self.plan_s[min(max(attempts, 1), len(self.plan_s)) - 1]
        pause = planned * random.uniform(1 - self.jitter, 1 + self.jitter)
        return pause if self.cap_s is None else min(pause, self.cap_s)
