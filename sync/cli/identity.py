"""`tandem identity`: which Account and which customer are one, where nobody but a person can say (BILLING_RULES 5)."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated

import typer

from sync.cli import places
from sync.cli.exits import Misused, NotFound, Refused
from sync.cli.naming import subject_of
from sync.cli.options import Apply, Json, Yes
from sync.cli.output import Out, duration, instant, table
from sync.cli.several import knowing, names_of
from sync.deal.money import format_amount
from sync.ports import Asked, SubjectState
from sync.run.answers import Answer, Answers, Forbidden, NotThere

if TYPE_CHECKING:
    from sync.wiring import Services

#: What people are asked about identity: who a customer is, and which of two live ones pays.
CODES = ("DATA-213", "DATA-214")

Account = Annotated[str, typer.Argument(metavar="ACCOUNT", help="The Account's id in Salesforce.")]
Customer = Annotated[str, typer.Argument(metavar="CUSTOMER", help="The customer's id in Stripe (cus_…).")]
Reason = Annotated[str, typer.Option("--reason", help="Why, for the audit.")]


def application() -> typer.Typer:
    """The verbs under `tandem identity`."""
    app = typer.Typer(
        help="Say which Account and which Stripe customer are one, where it isn't plain.", no_args_is_help=True
    )
    app.command("list")(list_)
    app.command("link")(link)
    app.command("keep-apart")(keep_apart)
    return app


def list_(json: Json = False, yes: Yes = False) -> int:
    """List the open questions: the candidates with their evidence, the money that waits, and since when.

    For example:
      tandem identity list
      tandem identity list --json
    """
    from sync.wiring.overview import (
        StoreOverview,  # the vendors' libraries come with it, which `--help` should not wait for
    )

    with places.store() as store:
        states = [state for code in CODES for state in store.subjects.failures(code=code)]
        asked = StoreOverview(store).asked([state.key for state in states])
        now, names = store.clock.now(), names_of(store)
    show(Out(json), sorted(states, key=lambda s: (s.failed_at or now, s.key)), asked, now, names)
    return 0


def link(
    account: Account,
    customer: Customer,
    reason: Reason = "",
    apply: Apply = False,
    json: Json = False,
    yes: Yes = False,
) -> int:
    """Say that this customer pays for this Account. What waited for the answer goes on by itself.

    For example:
      tandem identity link 001xx000003DGbYAAW cus_Q1w2e3
      tandem identity link 001xx000003DGbYAAW cus_Q1w2e3 --reason "asked their CFO" --apply
    """
    return _answer("link", Answers.link, account, customer, reason=reason, apply=apply, out=Out(json))


def keep_apart(
    account: Account,
    customer: Customer,
    reason: Reason = "",
    apply: Apply = False,
    json: Json = False,
    yes: Yes = False,
) -> int:
    """Say that this customer is somebody else's: it is never proposed for this Account again.

    For example:
      tandem identity keep-apart 001xx000003DGbYAAW cus_Q1w2e3
      tandem identity keep-apart 001xx000003DGbYAAW cus_Q1w2e3 --reason "a namesake in Leeds" --apply
    """
    return _answer("keep-apart", Answers.keep_apart, account, customer, reason=reason, apply=apply, out=Out(json))


def show(
    out: Out,
    states: list[SubjectState],
    asked: Mapping[str, Asked],
    now: datetime,
    names: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """The questions, the longest open first; ``names`` are those of several Stripe accounts, by what a subject says."""
    on = [{"stripe_account": names[s.stripe_account]} if s.stripe_account in names else {} for s in states]
    value = {"questions": [_to_json(s, asked.get(s.key), now) | where for s, where in zip(states, on, strict=True)]}
    if not states:
        out.answer("identity", value, "nothing is asked")
        return
    rows = [_row(state, asked.get(state.key), now) for state in states]
    headings = ("REFERENCE", "CODE", "SUBJECT", "ACCOUNTS", "CUSTOMERS", "EVIDENCE", "SUM", "OPEN FOR")
    out.answer("identity", value, table(headings, rows, right=("SUM",)))
    out.say("answer with: tandem identity link ACCOUNT CUSTOMER, or tandem identity keep-apart ACCOUNT CUSTOMER")


def _to_json(state: SubjectState, asked: Asked | None, now: datetime) -> dict[str, object]:
    return {
        "subject": state.key,
        "reference": state.reference,
        "code": state.error_code,
        "accounts": dict(asked.accounts) if asked else {},
        "customers": dict(asked.customers) if asked else {},
        "evidence": asked.evidence if asked else state.error_message,
        "sum_minor": state.sum_minor,
        "currency": state.currency,
        "since": state.failed_at,
        "age_s": int((now - state.failed_at).total_seconds()) if state.failed_at else None,
    }


def _row(state: SubjectState, asked: Asked | None, now: datetime) -> tuple[str, ...]:
    money = state.sum_minor is not None and state.currency
    return (
        state.reference,
        state.error_code or "",
        state.key,
        _candidates(asked.accounts if asked else {}),
        _candidates(asked.customers if asked else {}),
        (asked.evidence if asked else state.error_message) or "",
        format_amount(state.sum_minor or 0, state.currency or "") if money else "",
        duration((now - state.failed_at).total_seconds()) if state.failed_at else instant(None),
    )


def _candidates(named: Mapping[str, str]) -> str:
    return ", ".join(f"{id_} {name}".strip() for id_, name in named.items())


def _answer(
    verb: str,
    work_out: Callable[[Answers, str, str], Answer],
    account: str,
    customer: str,
    *,
    reason: str,
    apply: bool,
    out: Out,
) -> int:
    with places.services() as every:
        account_id, customer_id = _ids(account, customer, every)
        services = knowing(every, f"customer:{customer_id}")
        answers = _answers(services)
        try:
            answer = work_out(answers, account_id, customer_id)
        except NotThere as error:
            raise NotFound(str(error)) from error
        except Forbidden as error:
            raise Refused(str(error)) from error
        value: dict[str, object] = {**answer.to_json(), "applied": apply}
        if not answer.changes:
            out.answer(f"identity-{verb}", {**value, "due": 0}, "it is so already: nothing to do")
            return 0
        if not apply:
            out.answer(f"identity-{verb}", value, list(answer.changes))
            out.say(f"nothing was written. do it with: tandem identity {verb} {account_id} {customer_id} --apply")
            return 0
        who = getpass.getuser()
        due = answers.apply(answer, by=who, reason=reason)
        detail = {"customer": customer_id, "reason": reason, "changes": list(answer.changes)}
        services.audit.write(actor=who, action=f"identity {verb}", target=account_id, detail=detail)
        out.answer(f"identity-{verb}", {**value, "due": due}, [*answer.changes, f"{due} that waited for it due again"])
    return 0


def _ids(account: str, customer: str, services: Services) -> tuple[str, str]:
    """The two ids. Misused for what is none of an Account, or of a customer."""
    account_kind, _, account_id = subject_of(account, services).partition(":")
    if account_kind != "account":
        raise Misused(f"{account!r} is no Account: give its id in Salesforce (001…).")
    customer_kind, _, customer_id = subject_of(customer, services).partition(":")
    if customer_kind != "customer":
        raise Misused(f"{customer!r} is no customer: give its id in Stripe (cus_…).")
    return account_id, customer_id


def _answers(services: Services) -> Answers:
    return Answers(
        stripe=services.stripe, salesforce=services.salesforce, links=services.links, facts=services.facts,
        subjects=services.subjects, identities=services.identities,
    )  # fmt: skip
