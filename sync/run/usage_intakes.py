"""Taking usage in where there are several Stripe accounts: on the one that bills it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sync.ports.usage import NewUsage
from sync.run.usage_intake import UNKNOWN, Taken, UsageIntake
from sync.usage.rows import Refusal, UsageRow

SEVERAL = Refusal(
    "several_customers",
    "this Account is billed for such usage on several Stripe accounts: name the customer or the subscription.",
)


@dataclass(frozen=True)
class Intakes:
    """Takes usage in on whichever of several Stripe accounts bills it."""

    intakes: Sequence[UsageIntake]

    def take(self, rows: Sequence[UsageRow | Refusal], *, keep: bool = True) -> Taken:
        """As `UsageIntake.take` says. What could be billed on several accounts is refused: its customer has to be named."""
        if len(self.intakes) == 1:
            return self.intakes[0].take(rows, keep=keep)
        refused, chosen = self._chosen(rows)
        accepted = known = 0
        for number, intake in enumerate(self.intakes):
            places = [place for place, where in chosen.items() if where == number]
            taken = intake.take([rows[place] for place in places], keep=keep) if places else Taken(0, 0, ())
            accepted, known = accepted + taken.accepted, known + taken.known
            refused += [(places[place], why) for place, why in taken.refused]
        return Taken(accepted, known, sorted(refused, key=lambda each: each[0]))

    def _chosen(self, rows: Sequence[UsageRow | Refusal]) -> tuple[list[tuple[int, Refusal]], dict[int, int]]:
        """Rows that more than one account would bill, refused; and the account of each other row. One that none would bill
        goes to the one that knows its customer.
        """
        given = {n: row for n, row in enumerate(rows) if isinstance(row, UsageRow)}
        # What was taken in before stays where it was billed, whatever else could bill it today.
        known = self.intakes[0].store.known(list(given.values()))
        whole = {n: row for (n, row), there in zip(given.items(), known, strict=True) if not there}
        now = self.intakes[0].clock.now()
        judged = [intake.judged(whole, now) for intake in self.intakes]
        refused, chosen = [], dict.fromkeys(range(len(rows)), 0)
        for place in whole:
            answers = [one[place] for one in judged]
            good = [n for n, answer in enumerate(answers) if isinstance(answer, NewUsage)]
            there = [n for n, a in enumerate(answers) if not (isinstance(a, Refusal) and a.reason == UNKNOWN)]
            if len(good) > 1:
                refused.append((place, SEVERAL))
                del chosen[place]
            else:
                chosen[place] = (good or there or [0])[0]
        return refused, chosen
