"""Whose customer it is, seen from Stripe (BILLING_RULES 5 and 6): which Account a self-serve customer belongs to."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sync import catalogue
from sync.crm import CrmAccount
from sync.desired.evidence import confirmation, same_email
from sync.desired.keys import ACCOUNT
from sync.errors import Refusal
from sync.facts import Customer

CONTRADICTION = (
    "more than one Account, or one that has another customer, is named by it or carries its id (Stripe_Customer_Id__c)"
)

Mode = Literal["match", "create", "leave"]


@dataclass(frozen=True)
class Belongs:
    """The customer is this Account's; ``evidence`` says why."""

    account_id: str
    evidence: str


@dataclass(frozen=True)
class MakeAccount:
    """Nobody in the CRM is this customer, and policy is to create an Account (`sync.desired.new_account`)."""


@dataclass(frozen=True)
class Unknown:
    """Nobody in the CRM is this customer; it is left alone."""


@dataclass(frozen=True)
class Ask:
    """There are candidates but no proof: people decide (DATA-213)."""

    refusal: Refusal
    candidates: tuple[CrmAccount, ...] = ()
    evidence: str = ""


Answer = Belongs | MakeAccount | Unknown | Ask


def match_account(
    customer: Customer,
    accounts: Sequence[CrmAccount],
    taken: Mapping[str, str],
    mode: Mode,
    namesakes: Sequence[Customer] = (),
    apart: Collection[str] = (),
) -> Answer:
    """The Account of a customer: its id on an Account, our id in its metadata, the billing e-mail with a confirmation.

    ``accounts`` are the Accounts named by metadata, or carrying the customer's id or e-mail; ``taken`` gives the
    customer that an Account is linked to already; ``namesakes`` are the other customers with its e-mail. ``apart`` are
    Accounts that people keep apart from it: to this customer they are not there. The id on an Account counts, unless
    whoever read it left it out: of a customer that was deleted, or that is on another Stripe account.
    """
    living = [a for a in accounts if not a.is_deleted and a.id not in apart]
    named = [a for a in living if customer.id == (a.stripe_customer_id or "").strip()]
    carried = [a for a in living if a.id == customer.metadata.get(ACCOUNT)]
    pointed = list({a.id: a for a in (*named, *carried)}.values())
    if len(pointed) == 1 and taken.get(pointed[0].id, customer.id) == customer.id:
        return Belongs(pointed[0].id, "its id on the Account" if named else "our id in its metadata")
    if pointed:
        return _ask(customer, pointed, CONTRADICTION, {taken[a.id] for a in pointed if a.id in taken} - {customer.id})
    return _by_email(customer, living, taken, mode, namesakes)


def sharing(customer: Customer, holders: Sequence[CrmAccount], others: Collection[str]) -> Ask | None:
    """The question that a customer of nobody is when Accounts have ``others``, which have its e-mail, though no Account says
    so: a second customer is not made silently. None where these Accounts are all gone.
    """
    living = [a for a in holders if not a.is_deleted]
    have = "has" if len(others) == 1 else "have"
    evidence = f"{', '.join(sorted(others))} {have} the same e-mail and {have} an Account already"
    return _ask(customer, living, evidence, others) if living else None


def _by_email(
    customer: Customer,
    living: Sequence[CrmAccount],
    taken: Mapping[str, str],
    mode: Mode,
    namesakes: Sequence[Customer],
) -> Answer:
    mailed = [
        a for a in living if same_email(customer.email, a.billing_email) or same_email(customer.email, a.person_email)
    ]
    if not mailed:
        return MakeAccount() if mode == "create" else Unknown()
    if len(mailed) > 1:
        return _ask(customer, mailed, f"{len(mailed)} Accounts have its e-mail")
    only = mailed[0]
    if only.id in taken and taken[only.id] != customer.id:
        evidence = f"the Account with its e-mail has customer {taken[only.id]} already"
        return _ask(customer, mailed, evidence, {taken[only.id]})
    written = (only.stripe_customer_id or "").strip()
    if written and written != customer.id:
        evidence = f"the Account with its e-mail has the id {written} (Stripe_Customer_Id__c)"
        return _ask(customer, mailed, evidence, {written})
    if namesakes:
        others = ", ".join(c.id for c in namesakes)
        evidence = f"{others} {'have' if len(namesakes) > 1 else 'has'} the same e-mail"
        return _ask(customer, mailed, evidence, {c.id for c in namesakes})
    proof = confirmation(only, customer, customer.email or "")
    return (
        Belongs(only.id, f"the billing e-mail, confirmed by {proof}")
        if proof
        else _ask(customer, mailed, "neither web domain nor company name confirm the e-mail")
    )


def _ask(customer: Customer, accounts: Sequence[CrmAccount], evidence: str, others: Collection[str] = ()) -> Ask:
    """The question; it is looked at again when one of the Accounts changes, or one of these ``others`` of Stripe."""
    ids = tuple(a.id for a in accounts)
    detail = (
        f"Customer {customer.id}: {evidence}. Candidates: {', '.join(f'{a.name} ({a.id})' for a in accounts)}. "
        "Say which with tandem identity link ACCOUNT CUSTOMER, or which not with tandem identity keep-apart."
    )
    refusal = catalogue.refusal(
        "DATA-213",
        detail,
        record_id=ids[0],
        field="Stripe_Customer_Id__c",
        blocked_on=(*ids, *sorted(others)),
        count="1 billing customer",
        account=accounts[0].name if len(accounts) == 1 else f"any of {len(accounts)} Accounts",
    )
    return Ask(refusal, tuple(accounts), evidence)
