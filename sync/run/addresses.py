"""An e-mail as a unit of work: who looks for its customers, and then makes or links one, does so alone (BILLING_RULES 5).

Two Accounts of one billing e-mail are two units, and so are two customers of the web site. Each would find nobody, and
each would make somebody. The unit is part of the caller's claim: it is free again when the claim ends, or when a process
that died no longer renews it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from sync.desired.evidence import plain_email
from sync.errors import Transient
from sync.ports import Claim, Subjects


def address_unit(stripe_account: str, email: str) -> str:
    """The unit of an e-mail on one Stripe account, whatever its case. The address can't be read from it."""
    digest = hashlib.sha256(f"{stripe_account}\n{plain_email(email)}".encode())
    return f"email:{digest.hexdigest()[:40]}"


def alone(subjects: Subjects, claim: Claim, stripe_account: str, email: str) -> Claim:
    """The claim with this e-mail: until it ends nobody else decides about its customers. Transient TEMP-402 while somebody
    does.
    """
    held, busy = subjects.hold(claim, [address_unit(stripe_account, email)])
    if busy:
        raise taken()
    return held


def alone_with(
    subjects: Subjects, claim: Claim, stripe_account: str, emails: Sequence[str]
) -> tuple[Claim, frozenset[str]]:
    """The claim with those of these e-mails about which nobody else decides now, and the others."""
    units = {email: address_unit(stripe_account, email) for email in emails if email}
    held, busy = subjects.hold(claim, list(units.values())) if units else (claim, frozenset[str]())
    return held, frozenset(email for email, unit in units.items() if unit in busy)


def taken() -> Transient:
    """Somebody else is deciding about this e-mail."""
    return Transient("TEMP-402", "Somebody else is finding out whose this billing e-mail is; it goes on afterwards.")
