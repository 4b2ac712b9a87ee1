"""`tandem identity`: what is asked is listed with its evidence, and an answer puts what waited on its way."""

from __future__ import annotations

from typing import Any

from sync.store.audit import StoredAudit
from sync.store.engine import make_engine
from tests.sandbox.serving import Served
from tests.sync.cli.conftest import Tandem, seats, signed
from workers.demo.actors import Crm, Stripe


def account_of(crm: Crm, quote: str) -> str:
    return str(crm.query(f"SELECT AccountId FROM Quote WHERE Id = '{quote}'")[0]["AccountId"])


def subject(tandem: Tandem, key: str) -> dict[str, Any] | None:
    return next((q for q in tandem("identity", "list", "--json").json["questions"] if q["subject"] == key), None)


def test_a_question_is_listed_answered_and_what_waited_goes_on(
    tandem: Tandem, crm: Crm, sandbox: Served, database: str
) -> None:
    stripe = Stripe(sandbox.ready)
    assert "nothing is asked" in tandem("identity", "list").out
    right, wrong = (
        stripe.sign_up(name, "ap@acme.example", seats=3, card="pm_card_visa")["customer"]
        for name in ("A. Smith", "B. Jones")
    )
    quote = signed(crm, "Acme", seats(crm))
    account = account_of(crm, quote)
    assert tandem("drain").code == 1

    listed = subject(tandem, f"quote:{quote}")
    assert listed is not None
    assert (listed["code"], listed["accounts"]) == ("DATA-213", {account: "Acme"})
    assert listed["customers"] == {right: "A. Smith <ap@acme.example>", wrong: "B. Jones <ap@acme.example>"}
    assert "2 customers have the billing e-mail" in listed["evidence"]
    assert (listed["sum_minor"], listed["currency"], listed["age_s"]) == (600000, "USD", 0)
    text = tandem("identity", "list").out
    for words in (right, wrong, account, "6,000.00 USD", f"customer:{right}"):
        assert words in text

    rehearsed = tandem("identity", "keep-apart", account, wrong, "--json")
    assert (rehearsed.code, rehearsed.json["applied"]) == (0, False)
    assert tandem("drain").code == 1
    told = tandem("identity", "keep-apart", account, wrong, "--reason", "a namesake", "--apply", "--json")
    assert (told.code, told.json["due"]) == (0, 2)
    assert "already" in tandem("identity", "keep-apart", account, wrong, "--apply").out
    tandem("drain")
    still = subject(tandem, f"quote:{quote}")
    assert still is not None
    assert list(still["customers"]) == [right]
    assert subject(tandem, f"customer:{wrong}") is None

    assert tandem("identity", "link", account, right, "--apply").code == 0
    # Whether a self-serve plan may be taken over is another question than whose it is.
    tandem("drain")
    assert subject(tandem, f"quote:{quote}") is None
    assert (
        crm.query(f"SELECT Stripe_Customer_Id__c FROM Account WHERE Id = '{account}'")[0]["Stripe_Customer_Id__c"]
        == right
    )
    assert tandem("identity", "list", "--json").json["questions"] == []
    engine = make_engine(database)
    entries = StoredAudit(engine, now=lambda: None).entries(account)  # type: ignore[arg-type,return-value]
    engine.dispose()
    assert [(e["action"], e["detail"]["customer"], e["detail"]["reason"]) for e in entries] == [  # type: ignore[index]
        ("identity link", right, ""),
        ("identity keep-apart", wrong, "a namesake"),
    ]


def test_an_answer_that_cannot_be_is_refused_in_words(tandem: Tandem, crm: Crm, sandbox: Served) -> None:
    stripe, product = Stripe(sandbox.ready), seats(crm)
    acme = account_of(crm, signed(crm, "Acme", product))
    bolt = account_of(crm, signed(crm, "Bolt", product))
    assert tandem("drain").code == 0
    ours = crm.query(f"SELECT Stripe_Customer_Id__c FROM Account WHERE Id = '{acme}'")[0]["Stripe_Customer_Id__c"]
    other = stripe.post("customers", name="Else", email="else@else.example")["id"]
    gone = stripe.post("customers", name="Gone")["id"]
    stripe._http.delete(f"{stripe._base}/v1/customers/{gone}").raise_for_status()
    dead = crm.create("Account", Name="Dead")
    crm._http.delete(f"{crm._base}/sobjects/Account/{dead}").raise_for_status()

    for verb, account, customer, code, words in (
        ("link", acme, other, 5, f"has customer {ours} already"),
        ("link", bolt, ours, 5, "has customer"),
        ("keep-apart", acme, ours, 5, "is the payer of"),
        ("link", dead, other, 5, "is deleted"),
        ("link", acme, gone, 5, "was deleted in Stripe"),
        ("link", "001AA00000ABCDE", other, 3, "no Account"),
        ("link", acme, "cus_nobody", 3, "no customer cus_nobody"),
        ("link", other, acme, 2, "is no Account"),
        ("link", acme, acme, 2, "is no customer"),
        ("link", "garbage!", other, 2, "names no subject"),
    ):
        answer = tandem("identity", verb, account, customer, "--apply")
        assert (answer.code, words in answer.err) == (code, True), (verb, account, customer, answer.code, answer.err)
    fresh = crm.create("Account", Name="Fresh")
    taken = tandem("identity", "link", fresh, ours, "--apply")
    assert (taken.code, f"belongs to Account Acme ({acme}) already" in taken.err) == (5, True)
    same = tandem("identity", "link", acme, ours, "--apply", "--json")
    assert (same.code, same.json["changes"]) == (0, [])
