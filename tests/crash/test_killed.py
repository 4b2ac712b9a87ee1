"""SIGKILL at every point of an undisturbed run: afterwards there is exactly one of everything, and nothing left to write."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import timedelta

from tests.crash.customers import Sold, all_are, draft, invoiced, judge
from tests.crash.installation import Installation
from tests.crash.points import Point
from tests.e2e.looks import changes_nothing
from tests.e2e.sandbox import World

#: Moments of one operation; the link is only written for kinds that have one.
MOMENTS = ("before it is marked sent", "marked sent, not called", "effect, not written down", "done, not linked", "done")
LINKED = {"customer", "product", "schedule", "subscription"}
#: Moments of the rows that the CRM is sent.
ROW_MOMENTS = ("not queued", "before the flush", "flushed, not acknowledged")
FEWEST = 12

_numbers = itertools.count(1)


def test_a_worker_killed_anywhere_leaves_exactly_one_of_everything(installation: Installation) -> None:
    world = installation.world
    undisturbed = draft(world, next(_numbers), in_days=0)
    _sign(installation, [undisturbed])
    installation.converges(all_are(world, [undisturbed], "Live"), "the undisturbed quote is live")
    world.at(world.now() + timedelta(hours=2))
    installation.converges(invoiced(world, [undisturbed]), "the undisturbed invoice is in the CRM")

    deaths = [(draft(world, next(_numbers)), what, moment) for what, moment in deal_steps(installation, undisturbed)]
    in_deals = [Point(f"quote:{sold.quote}", what, moment) for sold, what, moment in deaths]
    everybody = [sold for sold, _, _ in deaths]
    _kill_at(installation, in_deals, lambda: _sign(installation, everybody))
    installation.converges(all_are(world, everybody, "Scheduled"), "every quote is scheduled after the deaths")

    first, second = flush_steps(world)
    shown = [(draft(world, next(_numbers)), first, moment) for moment in ROW_MOMENTS]
    in_rows = [Point(sold.account, what, moment) for sold, what, moment in shown]
    _kill_at(installation, in_rows, lambda: _sign(installation, [sold for sold, _, _ in shown]))
    everybody += [sold for sold, _, _ in shown]
    installation.converges(all_are(world, everybody, "Scheduled"), "every quote is scheduled after the deaths")

    in_rows += (later := [Point(s.account, second, moment) for s, moment in zip(everybody, ROW_MOMENTS, strict=False)])
    _kill_at(installation, later, lambda: world.at("2026-03-01T02:00"))
    everybody.append(undisturbed)
    installation.converges(all_are(world, everybody, "Live"), "every quote is live")
    installation.converges(invoiced(world, everybody), "every invoice is in the CRM")

    _print([*in_deals, *in_rows])
    assert len(in_deals) + len(in_rows) >= FEWEST
    judge(world, everybody)
    with installation.drainer() as tandem:
        changes_nothing(tandem)


def deal_steps(installation: Installation, sold: Sold) -> list[tuple[str, str]]:
    """Each step of the undisturbed deal by its ledger, at each moment of it; and the two moments that frame the steps."""
    ledger = installation.rows(
        "SELECT o.ref_kind, o.verb, o.action FROM operations o JOIN runs r ON r.id = o.run_id WHERE r.subject = %s ORDER BY o.id",
        f"quote:{sold.quote}",
    )
    steps = [("promise", "frozen")]
    for kind, verb, action in ledger:
        name = ".".join(filter(None, (kind, verb, action)))
        steps += [(name, moment) for moment in MOMENTS if kind in LINKED or "linked" not in moment]
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


def _kill_at(installation: Installation, points: list[Point], happens: Callable[[], object]) -> None:
    for point in points:
        installation.points.arm(point)
    happens()
    installation.meets(points)


def _print(points: list[Point]) -> None:
    print(f"\n{len(points)} kill points, each met:")
    for point in points:
        print(f"  {point.what}: {point.moment}")
