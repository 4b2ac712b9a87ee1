"""Links of customers, and Accounts that became others: one payer for an Account, the others are its history."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from sync.crm import CrmAccount
from sync.ports import Identities, NewLink, SalesforceGateway

#: Accounts that were merged into one that was merged: so far and no further.
LONGEST_CHAIN = 10


def payer_of(account_id: str) -> str:
    """The key of the link of an Account's payer: there is one at most."""
    return f"customer:{account_id}"


def former_link(link: NewLink, account_id: str = "") -> NewLink:
    """The link of a customer that is an Account's, but not its payer: what it paid is shown, no deal is billed to it."""
    account_id = account_id or link.salesforce_id
    return replace(link, key=f"{payer_of(account_id)}:{link.stripe_id}", salesforce_id=account_id)


def payer_link(link: NewLink, account_id: str) -> NewLink:
    """The link of this customer as the Account's payer."""
    return replace(link, key=payer_of(account_id), salesforce_id=account_id)


def winners(salesforce: SalesforceGateway, ids: Iterable[str]) -> Mapping[str, CrmAccount]:
    """Each of these Accounts as it stands, and for one that was merged the one that it became; absent ones are absent."""
    wanted = list(dict.fromkeys(ids))
    found = dict(salesforce.accounts(wanted)) if wanted else {}
    for _ in range(LONGEST_CHAIN):
        merged = {i: a.master_record_id for i, a in found.items() if a.is_deleted and a.master_record_id}
        if not merged:
            return found
        masters = salesforce.accounts(sorted(set(merged.values())))
        found = {
            i: masters.get(merged[i], replace(a, master_record_id=None)) if i in merged else a for i, a in found.items()
        }
    return found


def with_rivals(accounts: Mapping[str, Sequence[str]], live: Collection[str], identities: Identities) -> set[str]:
    """Of Accounts with their customers: those that have more than one live customer, and nobody has said which pays."""
    several = {a: ids for a, ids in accounts.items() if len([i for i in ids if i in live]) > 1}
    if not several:
        return set()
    apart = {(pair.account_id, pair.customer_id) for pair in identities.apart(accounts=several)}
    return {a for a, ids in several.items() if len([i for i in ids if i in live and (a, i) not in apart]) > 1}
