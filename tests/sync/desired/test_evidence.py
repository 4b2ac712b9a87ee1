"""What proves that two records are one company, and what looks like it and proves nothing."""

from __future__ import annotations

import pytest

from sync.crm import CrmAccount
from sync.desired.evidence import company, confirmation, mail_domain, same_email, web_domain
from sync.facts import Customer


def proof(website: str | None, email: str, *, name: str = "Else", called: str = "Somebody") -> str | None:
    account = CrmAccount(id="001A", name=name, website=website)
    return confirmation(account, Customer(id="cus_1", name=called, email=email), email)


@pytest.mark.parametrize(
    ("website", "email"),
    [
        ("acme.example", "ap@acme.example"),
        ("https://www.Acme.example/contact?x=1", "AP@ACME.EXAMPLE"),
        ("acme.example:8080", "ap+stripe@acme.example"),
        ("acme.example", "ap@mail.eu.acme.example"),
        ("http://acme.co.uk.", "ap@acme.co.uk"),
        ("müller.example", "ap@xn--mller-kva.example"),
    ],
)
def test_the_web_domain_confirms_its_own_addresses_and_those_below_it(website: str, email: str) -> None:
    assert "web domain" in (proof(website, email) or "")


@pytest.mark.parametrize(
    ("website", "email"),
    [
        ("gmail.com", "acme@gmail.com"),
        ("https://yahoo.co.uk", "acme@yahoo.co.uk"),
        ("hotmail.fr", "acme@hotmail.fr"),
        ("https://web.de", "acme@web.de"),
        ("www.btinternet.com", "acme@btinternet.com"),
        ("seznam.cz", "acme@seznam.cz"),
        ("co.uk", "ap@acme.co.uk"),
        ("com.au", "ap@acme.com.au"),
        ("localhost", "ap@localhost"),
        ("notacme.example", "ap@acme.example"),
        ("acme.example", "ap@notacme.example"),
        ("shop.acme.example", "ap@acme.example"),
        ("http://[broken", "ap@acme.example"),
        ("..", "ap@.."),
        ("", "ap"),
        (None, ""),
    ],
)
def test_what_is_nobodys_own_confirms_nothing(website: str | None, email: str) -> None:
    assert proof(website, email) is None


@pytest.mark.parametrize(
    "called",
    [
        "ACME",
        "Acme, Inc.",
        "acme ltd",
        "Acme GmbH & Co. KG",
        "The Acme Company",
        "Acmé S.A.",
        "Acme S.A. de C.V.",
        "Acme Sp. z o.o.",
    ],
)
def test_a_company_is_known_by_its_name_whatever_its_legal_form(called: str) -> None:
    assert "company name" in (proof(None, "acme@gmail.com", name="Acme Limited", called=called) or "")


@pytest.mark.parametrize(
    ("name", "called"),
    [("SA Foods", "Foods Ltd"), ("Acme", "Acme Holding"), ("Ltd", "GmbH"), ("", ""), ("Acme UK", "Acme US")],
)
def test_other_names_are_other_companies(name: str, called: str) -> None:
    assert proof(None, "ap@else.example", name=name, called=called) is None


def test_one_address_has_no_case_and_a_tag_makes_it_another() -> None:
    assert same_email("AP@Acme.Example ", "ap@acme.example")
    assert not same_email("ap+eu@acme.example", "ap@acme.example")
    assert not same_email("", "")
    assert not same_email(None, None)


def test_domains_are_read_from_what_people_type() -> None:
    assert web_domain(" WWW.Acme.Example/ ") == "acme.example"
    assert mail_domain(" Ap@Acme.Example. ") == "acme.example"
    assert company("  The  Birch & Sons,  Ltd. ") == "birch sons"
