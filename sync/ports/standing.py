"""What stands in the CRM of some Accounts, whole: the CRM's side of a comparison (DESIGN 1, reconcile)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from sync.crm import CrmAccount, CrmQuote
from sync.ports.listing import FoundRow

#: Objects that lead to the Accounts which have anything to do with billing.
Leading = Literal["Account", "Quote", "Billing_Subscription__c", "Billing_Invoice__c"]
LEADING: tuple[Leading, ...] = ("Account", "Quote", "Billing_Subscription__c", "Billing_Invoice__c")


@dataclass(frozen=True)
class BilledPage:
    """The Accounts of up to 2,000 records, each once; ``after`` is the cursor of the next page, None ends the list."""

    account_ids: tuple[str, ...]
    after: str | None


@dataclass(frozen=True)
class Standing:
    """One Account as the CRM has it: its signed quotes, and every record of it that holds something of ours (its own
    summary, its quotes, its ``Billing_*`` rows); ``account`` is what billing reads of it.
    """

    account_id: str
    quotes: tuple[CrmQuote, ...] = ()
    rows: tuple[FoundRow, ...] = ()
    account: CrmAccount | None = None


class SalesforceStanding(Protocol):
    """The CRM's side, Account by Account."""

    def billed_accounts(self, sobject: Leading, after: str | None = None) -> BilledPage:
        """The next page of Accounts that have a record of this object: a signed quote, a row of ours, or anything of
        ours on themselves. By keyset on the record's Id.
        """

    def standing(self, account_ids: Sequence[str]) -> Mapping[str, Standing]:
        """What stands of each of these Accounts, two calls for every 150 of them and one for every further 2,000 rows.
        An Account that is gone is absent.
        """
