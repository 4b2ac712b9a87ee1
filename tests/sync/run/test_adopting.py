"""Adopting: of many customers at once it is said whose they are, as the runs say it of one (BILLING_RULES 5)."""

from __future__ import annotations

from typing import Any

import pytest

from sync.crm import CrmAccount
from sync.ports import NewLink
from sync.ports.listing import AccountPage
from sync.run.adopting import NOBODY, QUESTION, Adopting
from sync.store.adoption import StoredAdoption
from tests.sync.desired.test_mirror import invoice, subscription
from tests.sync.run.conftest import Place, customer


@pytest.mark.parametrize(
    ("holder", "counted"),
    [
        (CrmAccount(id="001B", name="Else"), QUESTION),
        (CrmAccount(id="001B", name="Gone", is_deleted=True), NOBODY),
        (CrmAccount(id="001B", name="Merged", is_deleted=True, master_record_id="001C"), QUESTION),
    ],
    ids=["standing", "deleted", "merged"],
)
def test_a_customer_is_a_question_for_its_namesake_s_account_unless_that_was_deleted(
    place: Place, holder: CrmAccount, counted: str
) -> None:
    place.facts.put(
        [customer("cus_1"), customer("cus_2"), subscription(), invoice()], place.facts.fence()
    )  # cus_1 has bought, and cus_2 has its e-mail
    place.links.add(NewLink("customer:001B", "001B", "customer", "cus_2"))
    place.salesforce.has(holder, CrmAccount(id="001C", name="Winner"))
    salesforce: Any = place.salesforce
    adoption = StoredAdoption(place.engine, place.facts, stripe_account="acct_1")
    adopting = Adopting(salesforce, adoption, place.links, place.subjects, place.identities, "match", livemode=False)

    whose = adopting.customers(ask=lambda _: AccountPage((), None))

    assert whose.skipped == {counted: 1}
    assert ("customer:cus_1" in place.due()) == (counted == QUESTION)
