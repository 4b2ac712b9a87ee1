"""What both sides hold, in the shape in which the worked cases say it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import text

from sync.ports import Mark
from sync.run.drain import Drained
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

INVOICE = (
    "Stripe_Id__c Number__c Status__c Currency__c Subtotal__c Total__c Amount_Paid__c Amount_Remaining__c "
    "Issued_On__c Due_On__c Period_Start__c Period_End__c"
)


def seconds(day: str) -> int:
    """The unix second at which this UTC day begins."""
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp())


def day_of(second: int) -> str:
    """The UTC day of a unix second."""
    return datetime.fromtimestamp(second, UTC).date().isoformat()


def billed(world: World) -> list[tuple[str, int]]:
    """Every invoice in Stripe as (UTC day it was made, total in minor units), oldest first."""
    invoices = world.stripe.all("invoices")
    return sorted((day_of(i["created"]), i["total"]) for i in invoices)


def shown_invoices(world: World) -> list[dict[str, Any]]:
    """Every invoice row of the CRM, oldest first."""
    return world.crm.rows("Billing_Invoice__c", INVOICE, order="Issued_On__c, Number__c")


def quote_row(world: World, quote: str) -> dict[str, Any]:
    """What the quote says of its billing."""
    fields = "Billing_Status__c Billing_Code__c Billing_Message__c Billing_Preview__c Billing_Reference__c Contract_Total__c First_Invoice_Amount__c"
    return world.crm.row("Quote", fields, f"Id = '{quote}'")


def settled(tandem: Tandem) -> Drained:
    """Drained, with nothing failed and nothing waiting."""
    done = tandem.drain()
    assert done.clean, done
    return done


def changes_nothing(tandem: Tandem) -> None:
    """Another drain writes nothing, nor does one in a new process after every subject that was ever heard of is due again."""
    world = tandem.world
    before = world.mark()
    tandem.drain()
    assert not _told(world, before), _told(world, before)
    other = tandem.again()
    everything_due(other)
    other.drain()
    assert not _told(world, before), _told(world, before)


def everything_due(tandem: Tandem) -> int:
    """Every subject of the store is due: as if all that was ever said were said again. Returns how many there are."""
    with tandem.services.engine.connect() as connection:
        rows = connection.execute(text("SELECT key, lane, unit, stripe_account FROM subjects")).all()
    assert rows, "nothing was ever heard of"
    marks = [Mark(r.key, r.lane, r.unit, stripe_account=r.stripe_account) for r in rows]
    return tandem.services.subjects.mark(marks, reason="said_again")


def _told(world: World, after: int) -> list[str]:
    return [f"{e.system} {e.method} {e.path}: {e.params}" for e in world.writes(after)]


def live_through(
    world: World, tandem: Tandem, until: str, *, days: int, each: Callable[[], object] | None = None
) -> None:
    """Time goes to ``until`` in steps of so many days; Tandem is drained after each."""
    now, end = world.now().date(), date.fromisoformat(until)
    while now < end:
        now = min(now + timedelta(days=days), end)
        # Past the hour in which an invoice of this day is a draft.
        world.at(f"{now.isoformat()}T02:00")
        settled(tandem)
        if each:
            each()
