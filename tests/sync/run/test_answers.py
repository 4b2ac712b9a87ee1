"""What an operator answers holds against a deal that begins in the same moment (BILLING_RULES 5)."""

from __future__ import annotations

from typing import Any

import pytest

from sync.crm import CrmAccount
from sync.errors import Transient
from sync.ports import Failed, NewLink
from sync.run.answers import Answers
from tests.sync.run.conftest import Place, customer

BIRCH = CrmAccount(id="001A", name="Birch")


def answers(place: Place, subjects: Any = None) -> Answers:
    """One that waits for nobody, unless it is given ``subjects`` of its own."""
    vendors: Any = {"stripe": place.stripe, "salesforce": place.salesforce}
    stored: Any = {"links": place.links, "facts": place.facts, "identities": place.identities}
    patience_s = 10.0 if subjects else 0.0
    return Answers(**vendors, **stored, subjects=subjects or place.subjects, patience_s=patience_s)


def payer(place: Place) -> str | None:
    link = place.links.by_key(["customer:001A"]).get("customer:001A")
    return link.stripe_id if link else None


def test_a_deal_that_was_given_a_customer_meanwhile_keeps_it_and_the_answer_is_asked_for_again(place: Place) -> None:
    place.stripe.has(customer("cus_1"))
    place.salesforce.has(BIRCH)
    answer = answers(place).link("001A", "cus_1")
    place.links.add(NewLink("customer:001A", "001A", "customer", "cus_2"))

    with pytest.raises(Transient) as later:
        answers(place).apply(answer, by="ann", reason="")

    assert (later.value.code, "run the same command again" in later.value.message) == ("TEMP-402", True)
    assert payer(place) == "cus_2"
    assert not place.identities.apart(accounts=["001A"])


@pytest.mark.parametrize("one_already", [False, True], ids=["two units", "one unit"])
def test_nothing_is_linked_while_a_deal_of_the_account_runs_and_none_starts_while_it_is(
    place: Place, one_already: bool
) -> None:
    place.stripe.has(customer("cus_1"))
    place.salesforce.has(BIRCH)
    if one_already:
        place.subjects.merge_units("unit:001A", "unit:cus_1")
    answer = answers(place).link("001A", "cus_1")
    place.mark("quote:0Q0A", lane="deal", unit="unit:001A")
    running = place.subjects.claim_unit("deal")
    assert running is not None
    with pytest.raises(Transient) as busy:
        answers(place).apply(answer, by="ann", reason="")
    assert (busy.value.code, payer(place)) == ("TEMP-402", None)
    place.subjects.finish(running, {"quote:0Q0A": Failed("DATA-213", "Who is it?", ("001A",))})

    held = place.subjects.take_merged("unit:001A", "unit:cus_1")
    place.mark("quote:0Q0A", lane="deal", unit="unit:001A")
    assert place.subjects.claim_unit("deal") is None
    place.subjects.release(held)
    answers(place).apply(answer, by="ann", reason="")

    assert payer(place) == "cus_1"
    assert place.subjects.claim_unit("deal") is not None


def test_a_deal_that_ends_within_seconds_is_waited_for(place: Place) -> None:
    place.stripe.has(customer("cus_1"))
    place.salesforce.has(BIRCH)
    place.mark("quote:0Q0A", lane="deal", unit="unit:001A")
    running = place.subjects.claim_unit("deal")
    assert running is not None

    class Ending:
        """The subjects, of which the deal ends once somebody has asked for its unit in vain."""

        def take_merged(self, into: str, other: str) -> Any:
            try:
                return place.subjects.take_merged(into, other)
            except Transient:
                place.subjects.finish(running, {"quote:0Q0A": Failed("DATA-213", "Who is it?", ("001A",))})
                raise

        def __getattr__(self, name: str) -> Any:
            return getattr(place.subjects, name)

    waiting = answers(place, Ending())
    waiting.apply(waiting.link("001A", "cus_1"), by="ann", reason="")

    assert payer(place) == "cus_1"
