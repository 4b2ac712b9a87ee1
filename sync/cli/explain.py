"""`tandem explain ID`: why a status, an amount, a day or a refusal is as it is, with the rule and what went in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from sync import catalogue
from sync.cli import places
from sync.cli.exits import Exit, Misused, NotFound
from sync.cli.naming import subject_of
from sync.cli.options import Json, Yes
from sync.cli.output import Out
from sync.cli.several import StripeAccount, chosen, knowing, named
from sync.desired.explain_account import explain_account, explain_subscription
from sync.desired.explain_deal import explain_deal
from sync.desired.explain_invoice import explain_invoice
from sync.desired.explain_rows import explain_invoice_row
from sync.desired.keys import DEAL
from sync.desired.mirror import Shown
from sync.desired.quote_status import ENDED, QuoteView
from sync.desired.reasons import CUSTOMER, REFUSING, Reason
from sync.errors import SyncError, Terminal, Unsafe
from sync.facts import Invoice
from sync.records import Ref
from sync.run.telling import shown as as_shown

if TYPE_CHECKING:
    from sync.wiring import Services

Day = Annotated[
    datetime | None,
    typer.Option("--on", formats=["%Y-%m-%d"], help="Only the invoices and credits of this billing day."),
]


def explain(
    id: Annotated[
        str,
        typer.Argument(
            help="A quote, subscription, invoice, account or customer by its id; a reference such as 7F3K; or a code such as DATA-205."
        ),
    ],
    on: Day = None,
    stripe_account: StripeAccount = None,
    json: Json = False,
    yes: Yes = False,
) -> int:
    """Say why a status, an amount, a day or a refusal is as it is: the rule, and what went in. Nothing is written.

    For example:
      tandem explain 0Q0xx0000004C92AAE
      tandem explain 0Q0xx0000004C92AAE --on 2026-07-01
      tandem explain in_1Qx --json
      tandem explain DATA-205
    """
    out = Out(json)
    if id.upper() in catalogue.CATALOGUE:
        return _answer(out, id.upper(), [_code(id.upper())])
    with places.services() as every:
        key = subject_of(id, every)
        kind, _, name = key.partition(":")
        if kind == "account":  # its fields are of all Stripe accounts together
            services = chosen(every, stripe_account) if stripe_account else every
        else:
            services = knowing(every, key, stripe_account)
        if kind == "invoice":
            if on is not None:
                raise Misused("--on chooses among the invoices of a quote; an invoice has one day.")
            return _answer(out, key, _of_invoice(name, services), services)
        if kind == "quote":
            return _answer(out, key, _of_quote(name, services, on.date() if on else None), services)
        deal = _deal_of(name, services) if kind == "subscription" else None
        if deal is not None:
            return _answer(out, f"quote:{deal}", _of_quote(deal, services, on.date() if on else None), services)
        if on is not None:
            raise Misused("--on chooses among the invoices of a quote; this is none.")
        return _answer(out, key, _of_account(kind, name, services, every), services if kind == "subscription" else None)


def _answer(out: Out, key: str, found: Sequence[Reason], services: Services | None = None) -> int:
    """``services`` are those of the Stripe account that it is about, where it is about one."""
    on = named(services) if services else {}
    value = {
        "subject": key,
        **on,
        "reasons": [{"what": r.what, "says": r.says, "because": list(r.because), "rule": r.rule} for r in found],
    }
    lines = [" ".join((key, *(f"(Stripe account {name})" for name in on.values())))]
    for reason in found:
        lines += [
            f"{reason.what}: {reason.says}",
            *(f"    {line}" for line in reason.because),
            f"    rule: {reason.rule}",
        ]
    out.answer("explain", value, lines)
    return Exit.DONE


def _code(code: str) -> Reason:
    """What a code means, who acts, and what to do."""
    entry = catalogue.entry(code)
    told = ", ".join(entry.told) or "nobody"
    return Reason(code, entry.plainly, (f"first to act: {told}", f"what to do: {entry.fix}"), code)


def _of_quote(quote_id: str, services: Services, on: date | None) -> list[Reason]:
    """How the quote stands, and what is wrong with it if anything is."""
    try:
        worked = services.pipeline.quotes.preview(quote_id)
    except (Terminal, Unsafe) as error:
        if (closed := services.pipeline.quotes.closed(quote_id, error)) is not None:
            return [*_waiting(quote_id, services, ""), Reason("Billing_Status__c", ENDED, (closed,), CUSTOMER)]
        return [*_refused(error), *_waiting(quote_id, services, error.code)]
    if worked is None:
        raise NotFound(f"there is no quote {quote_id} in Salesforce.")
    view = QuoteView(
        signed=services.policy.is_signed(worked.case.quote.quote.status),
        now=services.clock.now(),
        case=as_shown(worked),
        objects=worked.objects,
    )
    found = [*_waiting(quote_id, services, ""), *explain_deal(view, on)]
    if on is not None or worked.deal.key != quote_id:
        return found
    told = {reason.what for reason in found}
    return found + [
        r for r in _of_row(worked.deal.takes or quote_id, worked.deal.payer.account_id, services) if r.what not in told
    ]


def _refused(error: SyncError) -> list[Reason]:
    """Each refusal of the quote as it stands now, with the record and the field it is about."""
    refusals = error.refusals if isinstance(error, Terminal) else ()
    found = []
    for refusal in refusals:
        entry = catalogue.entry(refusal.code)
        seen = (f"record {refusal.record_id}, field {refusal.field}", f"what to do: {entry.fix}")
        found.append(Reason(refusal.code, refusal.message, seen, REFUSING))
    return found or [Reason(error.code, error.message, (), REFUSING)]


def _waiting(quote_id: str, services: Services, but: str) -> list[Reason]:
    """What the last run ended with, where that is more than what is wrong now."""
    state = services.subjects.state(f"quote:{quote_id}")
    if state is None or not state.error_code or state.error_code == but:
        return []
    when = f"since {state.failed_at:%Y-%m-%d %H:%MZ}" if state.failed_at else "it is tried again by itself"
    return [Reason(state.error_code, state.error_message or "", (when, f"reference {state.reference}"), REFUSING)]


def _deal_of(name: str, services: Services) -> str | None:
    """The quote that made the deal behind a subscription; None for one that was bought directly in Stripe."""
    ref = Ref("schedule_id" if name.startswith("sub_sched_") else "subscription_id", name)
    found = services.stripe.read([ref]).one(ref)
    if found is None:
        raise NotFound(f"there is no subscription {name} in Stripe.")
    return found.metadata.get(DEAL)


def _of_account(kind: str, name: str, services: Services, every: Services) -> list[Reason]:
    """An Account by its id, by that of its customer, or one self-serve subscription of it; from what was read last, on all
    Stripe accounts where it has customers.
    """
    customer = ""
    if kind == "customer":
        customer = name
    elif kind == "subscription":
        known = {**services.facts.get("subscription", [name]), **services.facts.get("schedule", [name])}
        customer = getattr(known.get(name), "customer", "")
    elif kind != "account":
        raise Misused(
            f"{kind}:{name} can't be explained: give a quote, subscription, invoice, account, customer or code."
        )
    link = services.links.by_stripe_id([customer]).get(customer) if customer else None
    account = name if kind == "account" else link.salesforce_id if link else ""
    sides = {one.name: found for one in every.everywhere if account and (found := _shown(account, one)) is not None}
    if not sides:
        raise NotFound(f"{kind} {name} has no billing that Tandem knows: it is linked to no customer of Stripe.")
    if kind == "subscription":
        return explain_subscription(sides[services.name], name)
    return explain_account(sides)


def _shown(account: str, one: Services) -> Shown | None:
    """The rows of the Account that this Stripe account shows; None where it has no customer there."""
    payers = [link.stripe_id for link in one.links.by_salesforce_id([account], "customer")]
    return one.pipeline.mirror.show_all({account: payers})[account] if payers else None


def _of_invoice(name: str, services: Services) -> list[Reason]:
    ref = Ref("invoice_id", name)
    invoice = services.stripe.read([ref]).one(ref)
    if not isinstance(invoice, Invoice):
        raise NotFound(f"there is no invoice {name} in Stripe.")
    link = services.links.by_stripe_id([invoice.customer]).get(invoice.customer)
    account = link.salesforce_id if link else ""
    found = explain_invoice(invoice, services.pipeline.mirror.zone_of([account])[account])
    shown = _shown(account, services) if account else None
    return [*found, *(explain_invoice_row(shown, name) if shown else ())]


def _of_row(deal: str, account: str, services: Services) -> list[Reason]:
    """What the deal's row in the CRM says beside what is worked out from the deal; nothing where it has none."""
    shown = _shown(account, services)
    return explain_subscription(shown, deal) if shown else []
