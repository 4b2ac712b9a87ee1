"""Whose customer it is: every rung of the ladder, and never a guess (BILLING_RULES 5)."""

from __future__ import annotations

from typing import Any

import pytest

from sync.crm import CrmAccount
from sync.desired.identity import Ask, Belongs, MakeAccount, Mode, Unknown, match_account
from sync.desired.keys import ACCOUNT
from sync.facts import Customer


def customer(**more: Any) -> Customer:
    return Customer(**{"id": "cus_1", "email": "ap@birch.example", "name": "Birch Ltd", **more})


def account(id_: str = "001A", **more: Any) -> CrmAccount:
    return CrmAccount(**{"id": id_, "name": "Birch", "billing_email": "ap@birch.example", **more})


def match(
    *accounts: CrmAccount, who: Customer | None = None, taken: dict[str, str] | None = None, mode: Mode = "match"
) -> Any:
    return match_account(who or customer(), accounts, taken or {}, mode)


def test_our_id_in_the_metadata_stands_above_the_e_mail() -> None:
    named = customer(metadata={ACCOUNT: "001A"})

    assert match(account("001A", billing_email=None), account("001B"), who=named) == Belongs(
        "001A", "our id in its metadata"
    )


def test_metadata_and_an_account_that_say_different_things_are_a_question() -> None:
    named = customer(metadata={ACCOUNT: "001A"})

    found = match(account("001A"), account("001B", stripe_customer_id="cus_1"), who=named)

    assert isinstance(found, Ask)
    assert {one.id for one in found.candidates} == {"001A", "001B"}


def test_an_account_that_people_keep_apart_is_proposed_on_no_rung() -> None:
    pointed = account("001A", stripe_customer_id="cus_1", website="https://birch.example")
    who = customer(metadata={ACCOUNT: "001A"})

    assert match_account(who, [pointed], {}, "match", apart={"001A"}) == Unknown()
    assert match_account(who, [pointed, account("001B")], {}, "match", apart={"001A"}) == Belongs(
        "001B", 'the billing e-mail, confirmed by the company name "Birch"'
    )


def test_an_account_that_has_the_id_of_another_customer_is_a_question() -> None:
    confirmed = account(website="https://birch.example", stripe_customer_id="cus_2")

    found = match(confirmed)

    assert isinstance(found, Ask)
    assert "cus_2 (Stripe_Customer_Id__c)" in found.refusal.message


def test_its_id_on_an_account_stands_above_the_e_mail() -> None:
    found = match(account("001A"), account("001B", stripe_customer_id="cus_1", billing_email=None))

    assert found == Belongs("001B", "its id on the Account")


def test_its_id_on_two_accounts_is_a_question_that_names_both() -> None:
    found = match(account("001A", stripe_customer_id="cus_1"), account("001B", stripe_customer_id="cus_1"))

    assert isinstance(found, Ask)
    assert found.refusal.code == "DATA-213"
    assert set(found.refusal.blocked_on) >= {"001A", "001B"}
    for words in ("cus_1", "001A", "001B", "Stripe_Customer_Id__c"):
        assert words in found.refusal.message


@pytest.mark.parametrize("rung", ["metadata", "id", "e-mail"])
def test_an_account_that_has_another_customer_is_a_question_on_every_rung(rung: str) -> None:
    who = customer(metadata={ACCOUNT: "001A"} if rung == "metadata" else {})
    there = account(stripe_customer_id="cus_1" if rung == "id" else None, website="https://birch.example")

    assert isinstance(match(there, who=who, taken={"001A": "cus_other"}), Ask)


def test_an_account_that_has_this_customer_already_is_its_account() -> None:
    named = customer(metadata={ACCOUNT: "001A"})

    assert match(account(), who=named, taken={"001A": "cus_1"}) == Belongs("001A", "our id in its metadata")


@pytest.mark.parametrize(
    ("there", "proof"),
    [
        (account(name="Else", website="https://www.birch.example/about"), "web domain"),
        (account(name="BIRCH, Inc."), "company name"),
        (account(billing_email=None, person_email="AP@Birch.example"), "company name"),
    ],
)
def test_the_e_mail_counts_where_domain_or_name_confirm_it(there: CrmAccount, proof: str) -> None:
    found = match(there)

    assert isinstance(found, Belongs)
    assert proof in found.evidence


@pytest.mark.parametrize(
    ("there", "who"),
    [
        (account(name="Else"), customer()),
        (account(name="Else", website="https://gmail.com", billing_email="a@gmail.com"), customer(email="a@gmail.com")),
        (account(name="Else", website="https://notbirch.example"), customer()),
        (account(name="", website=None), customer(name="")),
    ],
)
def test_the_e_mail_alone_is_a_question(there: CrmAccount, who: Customer) -> None:
    found = match(there, who=who, mode="create")

    assert isinstance(found, Ask)
    assert "neither web domain nor company name" in found.refusal.message


def test_two_accounts_with_the_e_mail_are_a_question_even_if_one_is_confirmed() -> None:
    found = match(account("001A", website="https://birch.example"), account("001B", name="Else"), mode="create")

    assert isinstance(found, Ask)
    assert "2 Accounts have its e-mail" in found.refusal.message


def test_a_deleted_account_is_nobody() -> None:
    gone = account(is_deleted=True, stripe_customer_id="cus_1")

    assert match(gone, who=customer(metadata={ACCOUNT: "001A"})) == Unknown()


def test_nobody_has_it_then_the_mode_decides() -> None:
    stranger = account(billing_email="other@else.example")

    assert match(stranger) == Unknown()
    assert match(stranger, mode="create") == MakeAccount()


def test_a_customer_without_an_e_mail_is_never_matched_to_accounts_without_one() -> None:
    blank = account(billing_email=None)

    assert match(blank, who=customer(email=None)) == Unknown()
    assert match(blank, who=customer(email="")) == Unknown()
