"""A deal is renewed once."""

from __future__ import annotations

from datetime import date

import pytest

from sync.desired.renewed import check_renewed_once
from sync.errors import Refused
from sync.facts import Subscription
from tests.sync.deal.factory import QUOTE_ID, a_deal, a_renewal

FIRST = "0Q0AA0000000077AAA"


def bills(deal: str, renews: str, status: str = "active") -> Subscription:
    return Subscription(
        id=f"sub_{deal}", customer="cus_1", status=status, metadata={"tandem_deal": deal, "tandem_renews": renews}
    )


def test_a_second_renewal_of_one_deal_is_refused_and_names_the_first() -> None:
    renewal = a_renewal(a_deal())
    with pytest.raises(Refused) as refused:
        check_renewed_once(renewal, "00000043", [bills(FIRST, QUOTE_ID)])
    [one] = refused.value.refusals
    assert (one.code, one.field, one.record_id) == ("CONF-311", "Billing_Subscription__c", renewal.quote_id)
    assert FIRST in one.message
    assert one.message.endswith("Nothing was charged.")
    assert f"sub_{FIRST}" in one.blocked_on


@pytest.mark.parametrize(
    "there", [bills(FIRST, QUOTE_ID, "canceled"), bills(FIRST, "0Q0OTHER"), bills(a_renewal(a_deal()).key, QUOTE_ID)]
)
def test_one_that_was_called_off_that_is_of_another_deal_or_this_one_does_not_hinder(there: Subscription) -> None:
    check_renewed_once(a_renewal(a_deal()), "00000043", [there])


def test_a_new_deal_renews_nothing() -> None:
    check_renewed_once(a_deal(start_date=date(2026, 1, 1)), "00000042", [bills(FIRST, QUOTE_ID)])
