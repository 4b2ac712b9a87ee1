"""One deal is renewed once: a second Renewal would bill the same time again. One that was called off renews nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sync import catalogue
from sync.deal.deal import Deal
from sync.desired.contracts import Contract
from sync.desired.keys import DEAL, RENEWS
from sync.errors import Refused
from sync.facts import Fact, Schedule, Subscription

#: What an object of a Renewal is called that bills no more, or was called off before it began.
_OVER = ("canceled", "incomplete_expired", "completed", "released")


def check_renewed_once(deal: Deal, number: str, objects: Iterable[Fact]) -> None:
    """Raise Refused where another deal that is planned or runs among the customer's ``objects`` renews the same one.
    ``number`` is the quote's.
    """
    if deal.renews is None:
        return
    others = [
        f
        for f in objects
        if isinstance(f, Schedule | Subscription)
        and f.metadata.get(RENEWS) == deal.renews
        and f.metadata.get(DEAL) != deal.key
        and f.status not in _OVER
    ]
    if others:
        detail = (
            f"Quote {number}: the deal that Billing_Subscription__c names is renewed already (by quote "
            f"{others[0].metadata.get(DEAL)}). Make this quote an Amendment of that Renewal, or cancel that Renewal and "
            "then choose Retry in Billing_Request__c."
        )
        blocked_on = tuple(dict.fromkeys(f.id for f in others))
        feature = "A second Renewal of one deal"
        raise Refused(
            (
                catalogue.refusal(
                    "CONF-311", detail, record_id=deal.quote_id, field="Billing_Subscription__c",
                    blocked_on=blocked_on, feature=feature,
                ),
            )
        )  # fmt: skip


def followers(deals: Iterable[Contract]) -> Mapping[str, str]:
    """By deal the key of the row that goes on from it; none for one whose Renewal was called off before it began. Of
    several, the one that lives.
    """
    found = {}
    for deal in sorted(deals, key=lambda deal: (deal.live, deal.key)):
        if deal.renews and not _called_off(deal):
            found[deal.renews] = deal.key
    return found


def _called_off(deal: Contract) -> bool:
    """Whether it ended before its first day."""
    if deal.live:
        return False
    never_ran = bool(deal.schedule_ids) and not deal.subscription_ids
    return never_ran or (deal.start is not None and deal.ends_on is not None and deal.ends_on < deal.start)
