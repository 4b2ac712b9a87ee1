"""Identity runs: a customer finds its Account once, whoever else is at it, and nobody is asked about a stranger again and again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from sync.crm import CrmAccount
from sync.desired.keys import ACCOUNT
from sync.errors import LeaseLost, Transient
from sync.ports import Claim, Done, Failed, NewLink, Outcome
from tests.sync.desired.test_mirror import invoice, subscription
from tests.sync.run.conftest import NOW, Place, customer

BIRCH = CrmAccount(id="001A", name="Birch", billing_email="ap@birch.example")


def claimed(place: Place) -> Claim:
    place.mark("customer:cus_1", lane="deal", unit="unit:cus_1")
    claim = place.subjects.claim_unit("deal")
    assert claim is not None
    return claim


def run(place: Place, mode: Any = "match") -> Outcome:
    claim = claimed(place)
    outcome = place.identity(mode).run(claim, claim.subjects[0])
    place.subjects.finish(claim, {"customer:cus_1": outcome})
    return outcome


def billed(place: Place, **more: Any) -> None:
    """A self-serve customer with a plan and an invoice that the mirror has read."""
    place.stripe.has(customer(**more))
    place.facts.put([subscription(), invoice()], place.facts.fence())


def account_of(place: Place) -> str | None:
    link = place.links.by_stripe_id(["cus_1"]).get("cus_1")
    return link.salesforce_id if link else None


def test_a_confirmed_customer_is_linked_and_all_that_is_known_of_it_is_shown(place: Place) -> None:
    billed(place)
    place.salesforce.has(BIRCH)

    assert run(place) == Done()

    assert account_of(place) == "001A"
    assert place.due() == {"account:001A": "mirror", "invoice:in_1": "mirror", "subscription:sub_1": "mirror"}


@pytest.mark.parametrize("website", ["https://birch.example", None], ids=["web domain", "company name"])
def test_the_log_says_why_they_are_one_without_the_company(place: Place, website: str | None) -> None:
    billed(place, email="ap@birch.example", name="Birch Holding")
    place.salesforce.has(replace(BIRCH, name="Birch Holding", website=website))

    with capture_logs() as lines:
        run(place)

    [told] = [line for line in lines if line["event"] == "customer_linked"]
    confirmed = "web domain" if website else "company name"
    assert told["evidence"] == f"the billing e-mail, confirmed by the {confirmed}"
    assert "birch" not in str(told).casefold()


@pytest.mark.parametrize("deleted", [False, True])
def test_an_account_with_another_customers_id_is_asked_about_unless_that_one_is_gone(
    place: Place, deleted: bool
) -> None:
    billed(place)
    place.stripe.has(customer(id="cus_2", email="else@where.example", deleted=deleted))
    place.salesforce.has(replace(BIRCH, stripe_customer_id="cus_2"))

    outcome = run(place)

    assert (outcome == Done(), account_of(place)) == ((True, "001A") if deleted else (False, None))


def test_customer_and_account_are_one_unit_afterwards(place: Place) -> None:
    billed(place)
    place.salesforce.has(BIRCH)
    run(place)

    place.mark("customer:cus_1", lane="deal", unit="unit:cus_1")
    place.mark("quote:0Q0A", lane="deal", unit="unit:001A")
    claim = place.subjects.claim_unit("deal")

    assert claim is not None
    assert {d.key for d in claim.subjects} == {"customer:cus_1", "quote:0Q0A"}


def test_a_customer_whose_e_mail_differs_only_in_case_finds_its_account(place: Place) -> None:
    billed(place, email="AP@Birch.Example")
    place.salesforce.has(BIRCH)

    run(place)

    assert account_of(place) == "001A"


@pytest.mark.parametrize("email", ["ap@birch.example", "AP@Birch.Example"])
def test_two_customers_with_the_account_s_e_mail_are_a_question_whatever_its_case(place: Place, email: str) -> None:
    billed(place)
    place.salesforce.has(BIRCH)
    other = customer(id="cus_2", email=email)
    place.stripe.has(other)
    place.facts.put([other], place.facts.fence())

    outcome = run(place)

    assert isinstance(outcome, Failed)
    assert (outcome.code, "cus_2" in outcome.message) == ("DATA-213", True)
    assert account_of(place) is None


def test_a_customer_that_had_the_e_mail_once_is_no_candidate(place: Place) -> None:
    billed(place)
    place.salesforce.has(BIRCH)
    place.facts.put([customer(id="cus_2", email="AP@Birch.Example")], place.facts.fence())
    place.stripe.has(customer(id="cus_2", email="moved@else.example"))

    run(place)

    assert account_of(place) == "001A"


def test_an_account_that_somebody_works_on_is_linked_afterwards(place: Place) -> None:
    billed(place)
    place.salesforce.has(BIRCH)
    place.mark("quote:0Q0A", lane="deal", unit="unit:001A")
    deal = place.subjects.claim_unit("deal")
    claim = claimed(place)

    with pytest.raises(Transient, match="TEMP-402"):
        place.identity().run(claim, claim.subjects[0])

    assert deal is not None
    assert account_of(place) is None


def test_an_account_named_by_the_metadata_is_read_though_neither_id_nor_e_mail_find_it(place: Place) -> None:
    billed(place, metadata={ACCOUNT: "001B"}, email="other@else.example")
    place.salesforce.has(CrmAccount(id="001B", name="Else"))

    run(place)

    assert account_of(place) == "001B"


def test_a_question_waits_for_its_candidates_and_links_nothing(place: Place) -> None:
    billed(place, name="Unlike")
    place.salesforce.has(BIRCH)

    outcome = run(place)

    assert isinstance(outcome, Failed)
    assert (outcome.code, "001A" in outcome.blocked_on) == ("DATA-213", True)
    assert account_of(place) is None
    place.salesforce.has(CrmAccount(id="001A", name="Birch", stripe_customer_id="cus_1"))
    assert place.subjects.mark_blocked_on(["001A"], reason="record_changed") == 1
    assert run(place) == Done()
    assert account_of(place) == "001A"


def test_a_known_customer_is_not_asked_about_again_and_its_account_is_looked_at(place: Place) -> None:
    billed(place)
    place.links.add(NewLink("customer:001A", "001A", "customer", "cus_1"))

    assert run(place) == Done()

    assert place.salesforce.calls == []
    assert place.due() == {"account:001A": "mirror"}
    assert place.facts.get("customer", ["cus_1"])["cus_1"] == customer()


@pytest.mark.parametrize("mode", ["match", "create"])
def test_a_contact_who_never_bought_is_left_alone(place: Place, mode: str) -> None:
    place.stripe.has(customer())

    assert run(place, mode) == Done()
    assert (place.salesforce.calls, place.salesforce.made) == ([], [])


def test_a_customer_that_is_gone_is_nobody(place: Place) -> None:
    place.facts.put([invoice()], place.facts.fence())

    assert run(place, "create") == Done()
    assert place.facts.get("customer", ["cus_1"])["cus_1"].deleted
    assert place.salesforce.made == []


@pytest.mark.parametrize("mode", ["match", "leave"])
def test_nobody_it_could_be_is_said_by_a_later_look(place: Place, mode: str) -> None:
    billed(place)

    assert run(place, mode) == Done(NOW + timedelta(days=30))
    assert account_of(place) is None
    assert place.salesforce.calls == (["find_accounts"] if mode == "match" else [])


def test_create_makes_an_account_that_carries_the_customers_id(place: Place) -> None:
    billed(place)

    run(place, "create")

    assert [m["Stripe_Customer_Id__c"] for m in place.salesforce.made] == ["cus_1"]
    assert account_of(place) == "001MADE1"
    assert [c["Email"] for c in place.salesforce.contacts] == ["ap@birch.example"]


def test_a_crash_between_account_and_link_makes_no_second_account(place: Place) -> None:
    billed(place)
    place.salesforce.dies = True
    claim = claimed(place)
    with pytest.raises(KeyboardInterrupt):
        place.identity("create").run(claim, claim.subjects[0])
    place.leases_end()

    assert run(place, "create") == Done()

    assert len(place.salesforce.made) == 1
    assert account_of(place) == "001MADE1"


def test_who_lost_the_lease_while_looking_makes_no_account(place: Place) -> None:
    billed(place)
    claim = claimed(place)
    place.salesforce.meanwhile = place.taken_over

    with pytest.raises(LeaseLost):
        place.identity("create").run(claim, claim.subjects[0])

    assert place.salesforce.made == []


def test_a_look_up_that_fails_is_never_nobody(place: Place) -> None:
    billed(place)
    place.stripe.failing["cus_1"] = Transient("TEMP-401", "slow down")
    claim = claimed(place)

    with pytest.raises(Transient):
        place.identity("create").run(claim, claim.subjects[0])

    assert place.salesforce.made == []


# ---------------------------------------------------------------- one e-mail, looked for by one at a time


def claim_of(place: Place, id_: str) -> Claim:
    place.mark(f"customer:{id_}", lane="deal", unit=f"unit:{id_}")
    claim = place.subjects.claim_unit("deal", unit=f"unit:{id_}")
    assert claim is not None
    return claim


def test_two_customers_of_one_e_mail_are_found_out_about_one_after_the_other(place: Place) -> None:
    billed(place)
    place.stripe.has(customer("cus_2", email="AP@birch.example"))
    place.facts.put([subscription(id="sub_2", customer="cus_2")], place.facts.fence())
    first, second = claim_of(place, "cus_1"), claim_of(place, "cus_2")
    told: list[str] = []

    def other_worker() -> None:
        place.salesforce.meanwhile = lambda: None
        with pytest.raises(Transient, match="TEMP-402") as waits:
            place.identity("create").run(second, second.subjects[0])
        told.append(waits.value.message)

    place.salesforce.meanwhile = other_worker
    assert place.identity("create").run(first, first.subjects[0]) == Done()
    place.subjects.finish(first, {"customer:cus_1": Done()})
    outcome = place.identity("create").run(second, second.subjects[0])

    assert len(told) == len(place.salesforce.made) == 1
    assert "birch" not in told[0]
    assert isinstance(outcome, Failed)
    assert (outcome.code, "cus_1" in outcome.message) == ("DATA-213", True)


def test_a_customer_that_a_deal_was_given_meanwhile_makes_no_account(place: Place) -> None:
    billed(place)
    claim = claimed(place)

    class Late:
        """A deal with this e-mail ends just before it is ours."""

        def __getattr__(self, name: str) -> Any:
            return getattr(place.subjects, name)

        def hold(self, *asked: Any) -> Any:
            place.links.add(NewLink("customer:001A", "001A", "customer", "cus_1"))
            return place.subjects.hold(*asked)

    identity = replace(place.identity("create"), subjects=Late())  # type: ignore[arg-type]
    assert identity.run(claim, claim.subjects[0]) == Done()

    assert (place.salesforce.made, account_of(place)) == ([], "001A")


@pytest.mark.parametrize("mode", ["match", "create"])
def test_a_customer_with_the_e_mail_of_an_account_s_customer_is_asked_about_though_no_account_says_it(
    place: Place, mode: Any
) -> None:
    billed(place)
    deal = customer("cus_deal", email="AP@birch.example")
    place.stripe.has(deal)
    place.facts.put([deal], place.facts.fence())
    place.links.add(NewLink("customer:001B", "001B", "customer", "cus_deal"))
    place.salesforce.has(CrmAccount(id="001B", name="Else"))  # its quote's contact has the e-mail

    outcome = run(place, mode)

    assert isinstance(outcome, Failed)
    assert (outcome.code, "cus_deal" in outcome.message, "001B" in outcome.message) == ("DATA-213", True, True)
    assert place.salesforce.made == []
    place.identities.keep_apart("001B", ["cus_1"], by="ann", why="another company")
    assert isinstance(run(place, mode), Done)


def test_one_whose_namesake_has_another_e_mail_by_now_or_a_deleted_account_is_nobody_known(place: Place) -> None:
    billed(place)
    seen = [customer("cus_moved"), customer("cus_left")]
    place.facts.put(seen, place.facts.fence())
    place.stripe.has(customer("cus_moved", email="moved@else.example"), seen[1])
    place.links.add(NewLink("customer:001B", "001B", "customer", "cus_moved"))
    place.links.add(NewLink("customer:001C", "001C", "customer", "cus_left"))
    place.salesforce.has(CrmAccount(id="001B", name="Else"), CrmAccount(id="001C", name="Gone", is_deleted=True))

    assert isinstance(run(place), Done)


@pytest.mark.parametrize("rival", ["namesake", "payer", "of another Account"])
def test_a_question_closes_when_the_customer_that_stood_in_the_way_is_gone(place: Place, rival: str) -> None:
    billed(place)
    other = customer("cus_2")
    place.stripe.has(other)
    place.facts.put([other], place.facts.fence())
    place.salesforce.has(BIRCH, CrmAccount(id="001B", name="Else"))
    if rival == "payer":
        place.links.add(NewLink("customer:001A", "001A", "customer", "cus_2"))
    if rival == "of another Account":
        place.links.add(NewLink("customer:001B", "001B", "customer", "cus_2"))
        place.salesforce.there.pop("001A")
    assert isinstance(run(place), Failed)

    place.stripe.has(customer("cus_2", deleted=True))
    place.mark("customer:cus_2", lane="deal", unit="unit:cus_2")
    claim = place.subjects.claim_unit("deal")
    assert claim is not None
    place.subjects.finish(claim, {"customer:cus_2": place.identity().run(claim, claim.subjects[0])})

    assert "customer:cus_1" in place.due()
