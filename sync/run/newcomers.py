"""Many customers at once: who they are is found out in few questions, and the Accounts of those whom nobody knows are
made together, each with its Contact (BILLING_RULES 6).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from sync.desired.evidence import plain_email
from sync.desired.identity import Answer, MakeAccount
from sync.desired.new_account import new_account
from sync.facts import Customer
from sync.ports import Claim, Due, Outcome
from sync.run.addresses import alone_with, taken
from sync.run.identity import Identity

log = structlog.get_logger()

#: Customers of one batch: as many Accounts as go into one call with their Contacts.
AT_ONCE = 100
#: Does one piece of work and gives its outcome, whatever it raises.
Guard = Callable[[Due, Callable[[], Outcome]], Outcome]


@dataclass(frozen=True)
class Newcomers:
    """The work of `Identity` for a batch of customers, whose units one claim holds."""

    identity: Identity

    def run(self, claim: Claim, guard: Guard) -> dict[str, Outcome]:
        """What becomes of each, by subject. Raises what a reading of all of them raises. Each Account carries its customer's
        id, so that whoever goes on after a kill finds those that were made.
        """
        identity = self.identity
        due = {d.id: d for d in claim.subjects}
        customers = identity.looked_at(claim.subjects)
        settled = identity.settled(list(customers.values()))
        unknown = [c for c in customers.values() if c.id not in settled]
        claim, busy = alone_with(identity.subjects, claim, identity.stripe.account, [c.email or "" for c in unknown])
        settled |= identity.linked_meanwhile(unknown)
        found = {due[c.id].key: guard(due[c.id], _wait) for c in unknown if c.email in busy}
        unknown = [c for c in unknown if c.id not in settled and due[c.id].key not in found]
        accounts = identity.accounts(unknown) if unknown else {}
        answers = {c.id: identity.answer(c, accounts) for c in unknown}
        new = _one_each([c for c in unknown if isinstance(answers[c.id], MakeAccount)])
        made = self._made(claim, new)
        found |= {due[i].key: outcome for i, outcome in settled.items()}
        for customer in unknown:
            identity.subjects.renew(claim)
            one, answer = due[customer.id], answers[customer.id]
            found[one.key] = guard(one, lambda c=customer, a=answer: self._one(claim, c, a, made.get(c.id)))  # type: ignore[misc]
        return found

    def _made(self, claim: Claim, customers: list[Customer]) -> dict[str, str]:
        """The Accounts made for these customers; those that were refused are tried, and their reason told, one by one."""
        if not customers:
            return {}
        self.identity.subjects.renew(claim)  # whoever took over meanwhile may have made them
        wanted = [new_account(c, self.identity.new_accounts) for c in customers]
        ids = self.identity.salesforce.create_accounts(wanted)
        made = {c.id: i for c, i in zip(customers, ids, strict=True) if i is not None}
        log.info("accounts_made", made=len(made), refused=len(customers) - len(made))
        return made

    def _one(self, claim: Claim, customer: Customer, answer: Answer, account_id: str | None) -> Outcome:
        if account_id is not None:
            return self.identity.link(claim, customer, account_id, "made for it")
        if isinstance(answer, MakeAccount):
            return self.identity.matched(claim, customer)
        return self.identity.brought_about(claim, customer, answer)


def _wait() -> Outcome:
    raise taken()


def _one_each(customers: list[Customer]) -> list[Customer]:
    """Of customers with one e-mail the first: whether the others are the same payer is asked once it has its Account."""
    seen: set[str] = set()
    found = []
    for one in customers:
        mail = plain_email(one.email or one.id)
        if mail not in seen:
            seen.add(mail)
            found.append(one)
    return found
