"""A command that is about everything goes through all Stripe accounts in turn: each with its heading, then the totals."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sync.cli.exits import Exit, of_code
from sync.cli.output import Out
from sync.errors import SyncError

if TYPE_CHECKING:
    from rich.table import Table

    from sync.wiring import Services

#: From the best to the worst: what was not looked at is worse than what was found. Any other code is worse still.
SEVERITY = (Exit.DONE, Exit.DIFFERENT, Exit.SOME_FAILED, Exit.AWAY)


@dataclass(frozen=True)
class Told:
    """What a command has to say of one Stripe account, and the exit code that it would end with for that alone."""

    value: Mapping[str, object]
    texts: Sequence[str | Table]
    code: int
    failed: bool = False


def worst(codes: Iterable[int]) -> int:
    """The exit code of several accounts."""
    return max(codes, key=lambda code: (SEVERITY.index(Exit(code)) if code in SEVERITY else len(SEVERITY), code))


def in_turn(
    out: Out,
    kind: str,
    every: Services,
    work: Callable[[Services], Told],
    totals: Callable[[Sequence[Mapping[str, object]]], tuple[Mapping[str, object], str]],
) -> int:
    """Every account had its turn, and the answer has all of them; returns the worst of their exit codes. One that is away
    or refuses holds up no other. ``totals`` are made of the values of those that came through.
    """
    told: dict[str, Told] = {}
    for one in every.everywhere:
        out.say(f"Stripe account {one.name} ...")
        told[one.name] = found = _guarded(one, work)
        if not out.as_json:
            out.answer(kind, {}, [f"Stripe account {one.name}", *found.texts, ""])
    done = [one.value for one in told.values() if not one.failed]
    sums, line = totals(done)
    value = {
        "stripe_accounts": {name: {**one.value, "exit": int(one.code)} for name, one in told.items()},
        "totals": {"not_done": [name for name, turn in told.items() if turn.failed], **sums},
    }
    out.answer(kind, value, f"all {len(told)} Stripe accounts: {line}")
    for name, turn in told.items():
        if turn.failed:
            out.say(
                f"Stripe account {name} was not done; the others were. Run it again, or with --stripe-account {name}."
            )
    return worst(one.code for one in told.values())


def _guarded(one: Services, work: Callable[[Services], Told]) -> Told:
    try:
        return work(one)
    except SyncError as error:
        words = f"NOT DONE  {error.code}: {error.message}"
        return Told({"error": {"code": error.code, "message": error.message}}, [words], of_code(error), failed=True)


def added(values: Iterable[object]) -> object:
    """Numbers added up, tables of numbers member by member, lists item by item; what is true of all of them."""
    some = list(values)
    if not some:
        return 0
    first = some[0]
    if isinstance(first, bool):
        return all(some)
    if isinstance(first, Mapping):
        tables = [one for one in some if isinstance(one, Mapping)]
        names = dict.fromkeys(name for one in tables for name in one)
        return {name: added(one[name] for one in tables if name in one) for name in names}
    return sum(one for one in some if isinstance(one, int))
