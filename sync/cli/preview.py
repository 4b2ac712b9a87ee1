"""`tandem preview QUOTE`: every invoice that a quote would make, from the code that would bill it."""

from __future__ import annotations

from typing import Annotated

import typer

from sync.cli import places
from sync.cli.exits import Exit, Misused, NotFound
from sync.cli.naming import subject_of
from sync.cli.options import Json, Yes
from sync.cli.output import Out
from sync.cli.several import knowing, named
from sync.errors import Terminal, Unsafe


def preview(
    quote: Annotated[str, typer.Argument(help="The quote's Salesforce id, or a reference such as 7F3K.")],
    json: Json = False,
    yes: Yes = False,
) -> int:
    """Show what a quote would bill: the customer, each invoice, totals and what rounding leaves. Nothing is written.

    For example:
      tandem preview 0Q0xx0000004C92AAE
      tandem preview 0Q0xx0000004C92AAE --json
    """
    out = Out(json)
    with places.services() as services:
        key = subject_of(quote, services)
        if not key.startswith("quote:"):
            raise Misused(f"{key} is no quote.")
        here = None
        try:
            here = knowing(services, key)
            worked = here.pipeline.quotes.preview(key.partition(":")[2], shown_only=True)
        except (Terminal, Unsafe) as error:
            closed = here.pipeline.quotes.closed(key.partition(":")[2], error) if here else None
            if here and closed is not None:
                out.answer("preview", {"quote": key, "can_bill": True, **named(here), "closed": closed}, closed)
                return Exit.DONE
            refusals = error.refusals if isinstance(error, Terminal) else ()
            said = [{"code": r.code, "message": r.message, "record": r.record_id, "field": r.field} for r in refusals]
            said = said or [{"code": error.code, "message": error.message, "record": "", "field": ""}]
            value = {"quote": key, "can_bill": False, "refusals": said}
            out.answer("preview", value, ["Cannot bill yet:", *(f"  {r['code']}: {r['message']}" for r in said)])
            return Exit.SOME_FAILED
    if worked is None:
        raise NotFound(f"there is no quote {quote} in Salesforce.")
    value = {
        "quote": key,
        "can_bill": True,
        **named(here),
        "preview": worked.preview.data,
        "plan": worked.plan.to_json(),
    }
    out.answer("preview", value, worked.preview.text)
    return Exit.DONE
