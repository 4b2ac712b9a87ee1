"""`tandem backfill`: adopt a CRM and a Stripe account with history; rehearsed, and with --apply done."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from sync.cli import places
from sync.cli.exits import Exit
from sync.cli.in_turn import Told, added, in_turn
from sync.cli.options import Apply, Json, Yes
from sync.cli.output import Out
from sync.cli.several import StripeAccount, chosen, named
from sync.cli.since import since_of
from sync.deal.money import format_amount
from sync.run.estimate import Estimate, estimate

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sync.run.backfill import Report
    from sync.run.signed_quotes import Signed
    from sync.wiring import Services

Since = Annotated[
    str | None,
    typer.Option(
        "--since",
        metavar="WHEN",
        help="Invoices and what became of them from then on: a length (90d, 52w) or a moment with its zone. Default: all.",
    ),
]
#: What is added up over several Stripe accounts, of an estimate and of a report. Quotes are the org's: each account looks at
#: all of them.
ESTIMATED = ("stripe_calls", "stripe_writes", "salesforce_calls", "rows", "accounts", "storage_kb", "minutes")
ADDED = ("found", "adopted", "linked", "skipped", "failed")
#: Machine seconds between two lines of progress.
SAY_EVERY_S = 2.0


def backfill(
    since: Since = None,
    apply: Apply = False,
    stripe_account: StripeAccount = None,
    json: Json = False,
    yes: Yes = False,
) -> int:
    """Adopt what is in Stripe and Salesforce already: link it and show it. Never writes to Stripe.

    Without --apply it says what it would take. Stopped anywhere, the same command goes on where it stopped.
    Of several Stripe accounts it does one after the other, or the one of --stripe-account.
    Exit 0: everything is shown. 1: something was refused, is missing, or asks for a person. 6: a side is away.

    For example:
      tandem backfill
      tandem backfill --since 2024-01-01T00:00Z --apply
    """
    out = Out(json)
    kind = "backfill" if apply else "backfill-rehearsal"
    with places.services(drain=True, upgrade=True) as every:
        moment = since_of(since, every.clock.now())

        def work(one: Services) -> Told:
            return _adopted(one, moment, out) if apply else _rehearsed(one, moment)

        if every.others and stripe_account is None:
            code = in_turn(out, kind, every, work, _summed if apply else _foreseen_in_all)
        else:
            services = chosen(every, stripe_account)
            told = work(services)
            code = told.code
            out.answer(kind, {**told.value, **named(services)}, told.texts)
    if not apply:
        options = (("--since", since), ("--stripe-account", stripe_account))
        again = "".join(f" {option} {value}" for option, value in options if value)
        out.say(f"nothing was written. apply with: tandem backfill{again} --apply")
    return code


def _rehearsed(services: Services, moment: datetime | None) -> Told:
    found = estimate(services.stripe, moment, stripe_per_s=services.settings.stripe_requests_per_s)
    return Told(found.to_json(), _foreseen(found), Exit.DONE)


def _adopted(services: Services, moment: datetime | None, out: Out) -> Told:
    report = services.backfill(_paced(out.say)).run(since=moment)
    return Told(to_json(report), lines(report), Exit.DONE if report.complete else Exit.SOME_FAILED)


def _foreseen_in_all(values: Sequence[Mapping[str, object]]) -> tuple[Mapping[str, object], str]:
    sums = {name: added(one[name] for one in values) for name in ESTIMATED}
    return sums, (
        f"{sums['stripe_calls']} calls to Stripe, at most {sums['rows']} rows of ours and {sums['salesforce_calls']} calls to "
        f"Salesforce, about {sums['minutes']} min"
    )


def _summed(values: Sequence[Mapping[str, object]]) -> tuple[Mapping[str, object], str]:
    sums = {name: added(one[name] for one in values) for name in ADDED}
    rows = added(one["rows"] for one in values)
    written = rows["written"] if isinstance(rows, Mapping) else 0
    done = sum(one["complete"] is True for one in values)
    return {**sums, "rows": rows}, f"{done} complete; {sums['linked']} customers newly linked, {written} rows written"


def _paced(say: Callable[[str], None]) -> Callable[[str], None]:
    """Says a line of progress now and then."""
    last = float("-inf")

    def paced(line: str) -> None:
        nonlocal last
        if time.monotonic() - last >= SAY_EVERY_S:
            last = time.monotonic()
            say(line)

    return paced


def _foreseen(found: Estimate) -> list[str]:
    lists = [f"{'' if c.exact else 'about '}{c.objects} {kind}s" for kind, c in found.lists.items() if c.objects]
    return [
        f"in Stripe   {', '.join(lists) or 'nothing'}",
        f"reading     {found.stripe_calls} calls to Stripe, no write",
        (
            f"Salesforce  at most {found.rows} rows of ours ({_size(found.storage_kb)} of storage) and the billing fields of "
            f"{found.accounts} Accounts, in at most {found.salesforce_calls} calls"
        ),
        f"time        about {found.minutes} min",
    ]


def _size(kb: int) -> str:
    return f"{kb / 1000:.1f} MB" if kb >= 1000 else f"{kb} kB"


def to_json(report: Report) -> dict[str, object]:
    """As JSON types."""
    rows = report.rows
    return {
        "complete": report.complete,
        "resumed": report.resumed,
        "found": dict(report.found),
        "adopted": dict(report.adopted),
        "linked": report.linked,
        "skipped": dict(report.skipped),
        "rows": {
            "expected": rows.expected,
            "written": rows.written,
            "unchanged": rows.unchanged,
            "refused": dict(rows.refused),
            "waiting": rows.waiting,
        },
        "failed": dict(report.failed),
        "quotes": {
            "billed": report.quotes.billed,
            "due": report.quotes.due,
            "undecided": report.quotes.undecided,
            "undecided_sums_minor": dict(report.quotes.sums),
            "undecided_ids": sorted(report.quotes.ids),
        },
        "invoices": {"expected": report.invoices[0], "shown": report.invoices[1], "without_row": report.without_row},
    }


def lines(report: Report) -> list[str]:
    """For people: what was found, whose it is, what became of it, and what is not done."""
    rows = report.rows
    found = ", ".join(f"{n} {kind}s" for kind, n in report.found.items() if n) or "nothing"
    said = [
        f"found     {found}",
        (
            f"adopted   {', '.join(f'{n} {kind}s' for kind, n in report.adopted.items() if n) or 'nothing'}; "
            f"{report.linked} customers newly linked"
        ),
        f"skipped   {_reasons(report.skipped) or 'no customer'}",
        (
            f"rows      {rows.expected} expected: {rows.written} written, {rows.unchanged} stood there already, "
            f"{sum(rows.refused.values())} refused, {rows.waiting} wait"
        ),
        f"invoices  {report.invoices[0]} expected, {report.invoices[1]} shown{_left_out(report)}",
    ]
    said += _quotes(report.quotes)
    if problems := Counter(rows.refused) + Counter(report.failed):
        said.append(f"not done  {_reasons(problems)}; see `tandem failures`")
    if not report.complete:
        said.append("NOT COMPLETE. Mend what is named and run it again: what is done is not done twice.")
    return said


def _left_out(report: Report) -> str:
    left = report.without_row
    return f", {left} left without a row (MIRROR_INVOICES, MIRROR_MONTHS)" if left else ""


def _quotes(quotes: Signed) -> list[str]:
    """What becomes of the signed quotes; those that nobody decided about by name."""
    said = [f"quotes    {quotes.billed} signed and billed, {quotes.due} that the next runs bill"]
    if quotes.undecided:
        sums = ", ".join(format_amount(minor, currency) for currency, minor in sorted(quotes.sums.items()))
        said.append(
            f"DECIDE    {quotes.undecided} were signed before the start and are not billed (DATA-229); sum {sums}"
        )
        said += [f"  {one}" for one in quotes.first]
        said.append(
            "  to bill one: Start in its Billing_Request__c. To bill all since a day: BILL_SIGNED_SINCE, then replay"
        )
    return said


def _reasons(counted: Mapping[str, int]) -> str:
    return ", ".join(f"{n} {reason}" for reason, n in sorted(counted.items()))
