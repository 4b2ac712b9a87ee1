"""Who the payer is in Stripe: found before made, and asked whenever it isn't sure."""

from dataclasses import replace

import pytest

from sync.desired.customer import (
    NEW,
    Create,
    Linked,
    Looked,
    Question,
    check_customer,
    desire_customer,
    having_email,
    match_customer,
)
from sync.desired.references import candidate_refs
from sync.diff import diff
from sync.facts import Customer, Schedule, Subscription
from sync.observed import actuals
from sync.records import Ref
from tests.sync.deal.factory import ACCOUNT, ACCOUNT_ID, QUOTE_ID, a_deal

EMAIL = "ap@acme.example"
OTHER = "001AA0000000099AAA"


def a_customer(id_="cus_1", **changes):
    return Customer(**{"id": id_, "email": EMAIL, "name": "Somebody", **changes})


def match(looked, account=ACCOUNT, choice=None):
    return match_customer(account, account.billing_email or EMAIL, looked, quote_id=QUOTE_ID, choice=choice)


def linked(looked, **kwargs):
    found = match(looked, **kwargs)
    assert isinstance(found, Linked), found
    return found.customer.id, found.evidence


def asked(looked, **kwargs):
    found = match(looked, **kwargs)
    assert isinstance(found, Question), found
    assert (found.refusal.code, found.refusal.field) == ("DATA-213", "Customer_Choice__c")
    assert {QUOTE_ID, ACCOUNT_ID} <= set(found.refusal.blocked_on)
    return found.refusal.message


def test_our_own_link_stands_above_everything():
    by_id = {"cus_1": a_customer(), "cus_2": a_customer("cus_2")}
    looked = Looked(held="cus_1", by_id=by_id, by_email=(a_customer("cus_2"), a_customer("cus_3")))
    account = replace(ACCOUNT, stripe_customer_id="cus_2")
    assert linked(looked, account=account, choice="cus_2") == ("cus_1", "our own link")


def test_a_customer_that_was_deleted_is_nobody_whatever_pointed_at_it():
    gone = {"cus_1": a_customer(deleted=True)}
    account = replace(ACCOUNT, stripe_customer_id="cus_1")
    assert match(Looked(held="cus_1", by_id=gone), account=account) == Create()
    assert linked(Looked(held="cus_1", by_id=gone, by_email=(a_customer("cus_2"),)), account=account)[0] == "cus_2"


def test_a_deleted_customer_that_a_person_named_is_asked_about_again():
    assert "was deleted in Stripe" in asked(Looked(by_id={"cus_1": a_customer(deleted=True)}), choice="cus_1")


def test_one_that_people_keep_apart_is_proposed_on_no_rung():
    apart = frozenset({"cus_1"})
    found = a_customer(metadata={"salesforce_account_id": ACCOUNT_ID})
    account = replace(ACCOUNT, stripe_customer_id="cus_1")
    looked = Looked(by_id={"cus_1": found}, by_email=(found,), apart=apart)
    assert match(looked, account=account) == Create()
    assert linked(replace(looked, by_email=(found, a_customer("cus_2"))), account=account)[0] == "cus_2"
    assert "was kept apart from this Account" in asked(looked, account=account, choice="cus_1")


def test_what_belonged_to_an_account_that_was_merged_into_this_one_is_its_own():
    found = a_customer(metadata={"salesforce_account_id": OTHER})
    assert linked(Looked(by_email=(found,), followed=frozenset({OTHER}))) == ("cus_1", "our id in its metadata")


def test_a_customer_whose_account_is_gone_is_a_question_that_a_person_may_answer_with_it():
    found = a_customer(metadata={"salesforce_account_id": OTHER})
    looked = Looked(by_id={"cus_1": found}, by_email=(found,), gone=frozenset({OTHER}))
    assert OTHER in asked(looked)
    assert linked(looked, choice="cus_1")[0] == "cus_1"
    assert OTHER in asked(replace(looked, gone=frozenset()), choice="cus_1")


def test_our_id_in_the_metadata_stands_above_the_e_mail_also_when_the_e_mail_has_changed():
    ours = a_customer("cus_9", email="old@else.example", metadata={"salesforce_account_id": ACCOUNT_ID})
    assert linked(Looked(by_id={"cus_9": ours}, by_email=(a_customer(),)))[0] == "cus_9"


def test_the_stripe_id_on_the_account_is_followed():
    account = replace(ACCOUNT, stripe_customer_id="cus_1")
    assert linked(Looked(by_id={"cus_1": a_customer(email=None)}), account=account)[0] == "cus_1"


def test_one_stripe_id_on_two_accounts_is_a_question():
    account = replace(ACCOUNT, stripe_customer_id="cus_1")
    assert OTHER in asked(Looked(by_id={"cus_1": a_customer()}, same_id=(OTHER,)), account=account)


def test_a_customer_whose_id_stands_on_another_account_is_not_taken_from_it():
    found = a_customer(name="Acme GmbH")
    elsewhere = Looked(by_email=(found,), written_on={"cus_1": OTHER})
    assert f"belongs to Account {OTHER}" in asked(elsewhere)
    named = Looked(by_id={"cus_1": found}, written_on={"cus_1": OTHER})
    assert f"belongs to Account {OTHER}" in asked(named, choice="cus_1")
    carried = a_customer(metadata={"salesforce_account_id": ACCOUNT_ID})
    made_by_us = Looked(by_email=(carried,), written_on={"cus_1": OTHER})
    assert linked(made_by_us) == ("cus_1", "our id in its metadata")


def test_a_stripe_id_that_is_not_there_is_a_question():
    account = replace(ACCOUNT, stripe_customer_id="cus_9")
    assert "not in this Stripe account" in asked(Looked(by_id={"cus_9": None}), account=account)


def test_a_customer_that_carries_our_id_is_found_again_after_a_crash():
    ours = a_customer(metadata={"salesforce_account_id": ACCOUNT_ID})
    looked = Looked(by_email=(ours, a_customer("cus_2")))
    assert linked(looked) == ("cus_1", "our id in its metadata")
    assert linked(looked, choice=NEW) == ("cus_1", "our id in its metadata")


def test_case_23_one_customer_with_the_e_mail_and_the_web_domain_is_linked():
    assert linked(Looked(by_email=(a_customer(),))) == (
        "cus_1",
        "the billing e-mail, confirmed by the web domain acme.example",
    )


@pytest.mark.parametrize("name", ["ACME, Ltd.", "acme", "Acme Limited"])
def test_the_company_name_confirms_too_whatever_its_legal_form(name):
    account = replace(ACCOUNT, website=None)
    assert "company name" in linked(Looked(by_email=(a_customer(name=name),)), account=account)[1]


@pytest.mark.parametrize("website", [None, "", "other.example", "http://[broken", "cme.example"])
def test_an_e_mail_that_nothing_confirms_is_a_question(website):
    assert "neither web domain nor company name" in asked(
        Looked(by_email=(a_customer(),)), account=replace(ACCOUNT, website=website)
    )


def test_a_shared_mail_domain_confirms_nothing():
    account = replace(ACCOUNT, website="gmail.com", billing_email="acme@gmail.com")
    assert isinstance(match(Looked(by_email=(a_customer(),)), account=account), Question)


@pytest.mark.parametrize(
    "looked",
    [
        Looked(by_email=(a_customer(), a_customer("cus_2"))),
        Looked(by_email=(a_customer(),), holders={"cus_1": OTHER}),
        Looked(by_email=(a_customer(metadata={"salesforce_account_id": OTHER}),)),
    ],
    ids=["two candidates", "held by another Account", "carries another Account's id"],
)
def test_any_other_outcome_with_a_candidate_is_a_question(looked):
    message = asked(looked)
    assert "cus_1" in message
    assert message.endswith("Nothing was charged.")


def test_without_any_candidate_a_customer_is_made():
    assert match(Looked()) == Create()
    assert match(Looked(by_email=(a_customer(deleted=True),))) == Create()


@pytest.mark.parametrize("said", ["New", "new", " NEW "])
def test_a_person_may_write_new_in_any_case(said):
    assert match(Looked(by_email=(a_customer(),)), choice=said) == Create(others=("cus_1",))
    assert Ref("customer_id", said.strip()) not in candidate_refs(ACCOUNT, EMAIL, None, said)


@pytest.mark.parametrize(
    "said", ["see Anna", "sub_1", "cus_1, cus_2", "../invoices", "?", "cus_1?expand[]=x", "x" * 255]
)
def test_an_answer_that_is_no_customers_id_is_asked_about_again(said):
    assert Ref("customer_id", said) in candidate_refs(ACCOUNT, EMAIL, None, said)
    message = asked(Looked(by_id={said: None}, by_email=(a_customer(),)), choice=said)
    assert (
        f"customer {said}, known by the answer on the quote (Customer_Choice__c), is not in this Stripe account"
        in message
    )


@pytest.mark.parametrize("said", [".", "..", " . "])
def test_what_would_be_another_address_is_never_asked_of_stripe(said):
    kinds = {ref.kind for ref in candidate_refs(replace(ACCOUNT, stripe_customer_id=said), EMAIL, None, said)}
    assert kinds == {"customers_by_email"}
    assert "is not in this Stripe account" in asked(Looked(by_email=(a_customer(),)), choice=said)


def test_a_persons_answer_settles_the_question():
    looked = Looked(by_id={"cus_2": a_customer("cus_2")}, by_email=(a_customer(), a_customer("cus_2")))
    assert match(looked, choice=NEW) == Create(others=("cus_1", "cus_2"))
    assert linked(looked, choice="cus_2")[0] == "cus_2"
    held = Looked(by_id={"cus_2": a_customer("cus_2")}, holders={"cus_2": OTHER})
    assert OTHER in asked(held, choice="cus_2")


# ---------------------------------------------------------------- the customer object


def test_an_adopted_customer_gets_our_ids_and_the_name_and_nothing_twice():
    customer = a_customer(name="birch web", metadata={"source": "web"})
    payer = a_deal().payer
    want = desire_customer(payer, customer)
    plan = diff((want,), actuals((), customer=(ACCOUNT_ID, customer)))
    (update,) = plan.operations
    assert (update.verb, update.remote_id, update.changed) == ("update", "cus_1", ("name", "metadata"))
    after = customer.model_copy(
        update={"name": payer.name, "metadata": {"source": "web", **update.payload["metadata"]}}
    )
    assert not diff((desire_customer(payer, after),), actuals((), customer=(ACCOUNT_ID, after)))


def test_an_address_travels_only_when_a_customer_is_made():
    account = replace(ACCOUNT, street="1 Main St", city="Oslo", country="NO")
    want = desire_customer(a_deal(account=account).payer, None)
    assert want.create["address"] == {"line1": "1 Main St", "city": "Oslo", "country": "NO"}
    assert "address" not in want.compare


def a_subscription(**changes):
    return Subscription(**{"id": "sub_1", "status": "active", "currency": "eur", **changes})


def test_a_live_subscription_in_another_currency_refuses_the_deal_naming_both():
    (refusal,) = check_customer(a_deal(), [a_subscription(metadata={"tandem_deal": "0Q0x"})])
    assert refusal.code == "DATA-203"
    assert "EUR" in refusal.message
    assert "USD" in refusal.message


def test_a_planned_schedule_in_another_currency_refuses_it_too():
    schedule = Schedule(id="sub_sched_1", status="not_started", currency="eur", metadata={"tandem_deal": "0Q0x"})
    assert [r.code for r in check_customer(a_deal(), [], [schedule])] == ["DATA-203"]


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "canceled"},
        {"metadata": {"tandem_deal": QUOTE_ID}},
        {"currency": "usd", "metadata": {"tandem_deal": "0Q0x"}},
    ],
    ids=["ended", "this very deal", "another deal in the same currency"],
)
def test_what_is_over_or_ours_does_not_stand_in_the_way(changes):
    assert check_customer(a_deal(), [a_subscription(**changes)]) == ()


def test_a_deal_that_is_made_is_not_forbidden_by_what_the_customer_bought_later():
    ours = a_subscription(id="sub_2", currency="usd", metadata={"tandem_deal": QUOTE_ID})
    assert check_customer(a_deal(), [ours, a_subscription()]) == ()


def test_customers_with_the_same_e_mail_are_those_that_have_it_now_whatever_its_case() -> None:
    there = [
        Customer(id="cus_1", email="AP@Acme.example"),
        Customer(id="cus_1", email="AP@Acme.example"),
        Customer(id="cus_2", email="other@acme.example"),
        Customer(id="cus_3"),
        Customer(id="cus_4", email="ap@acme.example", deleted=True),
    ]
    assert [c.id for c in having_email(there, "ap@acme.EXAMPLE")] == ["cus_1"]


def test_a_question_says_the_same_in_whatever_order_the_candidates_were_found():
    first, second = a_customer("cus_1"), a_customer("cus_2")
    said = {asked(Looked(by_email=found)) for found in ((first, second), (second, first))}
    assert len(said) == 1
