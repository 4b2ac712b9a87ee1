"""SIGKILL at every point of an undisturbed run: afterwards there is exactly one of everything, and nothing left to write."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from tests.crash.customers import Sold, all_are, draft, invoiced, judge
from tests.crash.installation import Installation
from tests.crash.points import Point
from tests.e2e.looks import changes_nothing
from tests.e2e.sandbox import World

pytestmark = pytest.mark.long


#: Moments of one operation; the link is only written for kinds that have one. After "done" comes the next "before".
MOMENTS = ("before it is marked sent", "marked sent, not called", "effect, not written down", "done, not linked")
LINKED = {"customer", "product", "schedule", "subscription", "invoice"}
#: Moments of the rows that the CRM is sent.
ROW_MOMENTS = ("not queued", "before the flush", "flushed, not acknowledged")
FEWEST = 12

_numbers = itertools.count(1)


def test_a_worker_killed_anywhere_leaves_exactly_one_of_everything(installation: Installation) -> None:
    world = installation.world
    undisturbed = _draft(world)
    _sign(installation, [undisturbed])
    installation.converges(_shown(world, [undisturbed]), "the undisturbed quote is live and its invoice is shown")
    judge(world, [undisturbed])

    deals = [(_draft(world), what, moment) for what, moment in deal_steps(installation, undisturbed)]
    points = [Point(f"quote:{sold.quote}", what, moment) for sold, what, moment in deals]
    everybody = [sold for sold, _, _ in deals]
    _kill_at(installation, points, everybody)

    rows = [(_draft(world), what, moment) for what in flush_steps(world) for moment in ROW_MOMENTS]
    in_rows = [Point(sold.account, what, moment) for sold, what, moment in rows]
    _kill_at(installation, in_rows, [sold for sold, _, _ in rows])

    points += in_rows
    _print(points)
    assert len(points) >= FEWEST
    everybody += [undisturbed, *(sold for sold, _, _ in rows)]
    installation.converges(_shown(world, everybody), "every quote is live and every invoice is shown")
    judge(world, everybody)
    with installation.drainer() as tandem:
        changes_nothing(tandem)


def _draft(world: World) -> Sold:
    """A quote that starts today: it takes the most steps, money among them."""
    return draft(world, next(_numbers), in_days=0)


def _shown(world: World, sold: list[Sold]) -> Callable[[], bool]:
    live, billed = all_are(world, sold, "Live"), invoiced(world, sold)
    return lambda: live() and billed()


def deal_steps(installation: Installation, sold: Sold) -> list[tuple[str, str]]:
    """Each step of the undisturbed deal by its ledger, at each moment of it; and the two moments that frame the steps."""
    ledger = installation.rows(
        "SELECT o.ref_kind, o.verb, o.action FROM operations o JOIN runs r ON r.id = o.run_id WHERE r.subject = %s ORDER BY o.id",
        f"quote:{sold.quote}",
    )
    steps = [("promise", "frozen")]
    for kind, verb, action in ledger:
        name = ".".join(filter(None, (kind, verb, action)))
        steps += [
            (name, moment) for moment in MOMENTS if moment != "done, not linked" or (kind in LINKED and verb != "act")
        ]
    return [*steps, ("run", "before it is finished")]


def flush_steps(world: World) -> list[str]:
    """What the undisturbed run sent to the CRM, flush by flush: an object that no flush before it carried."""
    seen: set[str] = set()
    steps = []
    for exchange in world.writes(system="salesforce"):
        parts = exchange.params["compositeRequest"] if isinstance(exchange.params, dict) else []
        sent = {r["attributes"]["type"] for part in parts for r in part["body"]["records"]}
        if new := sorted(name for name in sent - seen if name.startswith("Billing_")):
            steps.append(new[0])
        seen |= sent
    return steps


def _sign(installation: Installation, sold: list[Sold]) -> None:
    installation.world.crm.accept(*(one.quote for one in sold))


def _kill_at(installation: Installation, points: list[Point], sold: list[Sold]) -> None:
    """These customers sign, a worker dies at each of the points, and the deals come right all the same."""
    for point in points:
        installation.points.arm(point)
    _sign(installation, sold)
    installation.meets(points)
    installation.converges(_shown(installation.world, sold), "every quote is live after the deaths")


def _print(points: list[Point]) -> None:
    print(f"\n{len(points)} kill points, each met:")
    for point in points:
        print(f"  {point.what}: {point.moment}")
