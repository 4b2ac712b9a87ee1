"""Customers of the web site in orgs that want something else of a new Account than a name and an e-mail."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sync.run.configured import Configured
from tests.e2e.looks import changes_nothing, settled
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

pytestmark = pytest.mark.long


def buys(world: World, name: str, email: str, **more: str) -> str:
    """Somebody has bought a seat on the web site; their customer's id."""
    customer = str(world.stripe.sign_up(name, email, seats=1, card="pm_card_visa")["customer"])
    if more:
        world.stripe.post(f"customers/{customer}", form=more)
    return customer


def record_type(world: World, name: str) -> str:
    return str(world.crm.row("RecordType", "Id", f"Name = '{name}'")["Id"])


def failed(tandem: Tandem) -> dict[str, tuple[str, str]]:
    """What waits for a person: code and words, by customer."""
    return {key.partition(":")[2]: (code, words) for key, code, words in tandem.drain().failed}


def looks(tandem: Tandem) -> int:
    """What the scheduler does each minute."""
    pipeline = tandem.services.pipeline
    return Configured(pipeline.subjects, pipeline.outbox, tandem.services.salesforce).look()


def test_people_are_person_accounts_and_companies_are_not_in_an_org_that_has_both(
    world: World, make_tandem: Callable[..., Tandem]
) -> None:
    world.at("2026-03-05")
    kinds = [
        {"object": "Account", "name": "Partner"}, {"object": "Account", "name": "Customer"},
        {"object": "Account", "name": "Consumer", "person": True},
    ]  # fmt: skip
    world.switch("features", person_accounts=True, record_types=kinds)
    tandem = make_tandem(
        self_serve_accounts="create", self_serve_person_accounts=True,
        self_serve_record_type_id=record_type(world, "Customer"),
        self_serve_person_record_type_id=record_type(world, "Consumer"),
    )  # fmt: skip
    buys(world, "Ada Lovelace", "ada@oak.example")
    buys(world, "Cher", "cher@elm.example")
    buys(world, "Grace Hopper", "grace@navy.example", business_name="Navy " + "x" * 140)
    buys(world, "B" * 252 + " Ltd", "ap@birch.example")
    nameless = buys(world, "", "who@fir.example")

    settled(tandem)

    fields = "Name IsPersonAccount RecordType.Name Billing_Email__c MRR__c"
    rows = {r["Billing_Email__c"]: r for r in world.crm.rows("Account", fields)}
    shown = {mail: (r["Name"], r["IsPersonAccount"], r["RecordType"]["Name"]) for mail, r in rows.items()}
    assert shown == {
        "ada@oak.example": ("Ada Lovelace", True, "Consumer"),
        "cher@elm.example": ("Cher", True, "Consumer"),
        "grace@navy.example": ("Navy " + "x" * 140, False, "Customer"),
        "ap@birch.example": ("B" * 252 + " Lt", False, "Customer"),
        "who@fir.example": ("who@fir.example", False, "Customer"),
    }
    assert {r["MRR__c"] for r in rows.values()} == {39}
    # One Contact each: that of a person is part of the Account, and nobody made another.
    contacts = world.crm.rows("Contact", "Name Account.IsPersonAccount", order="Name")
    assert [(c["Name"], c["Account"]["IsPersonAccount"]) for c in contacts] == [
        ("Ada Lovelace", True), ("ap", False), ("Cher", True), ("Grace Hopper", False), ("who", False),
    ]  # fmt: skip
    changes_nothing(tandem)
    assert nameless


def test_what_the_org_refuses_waits_in_plain_words_and_goes_on_by_itself_once_it_is_put_right(
    world: World, make_tandem: Callable[..., Tandem]
) -> None:
    world.at("2026-03-05")
    segment = {"object": "Account", "name": "Segment__c", "type": "picklist", "values": ["Web"], "required": True}
    world.switch(
        "features",
        fields=[segment],
        record_types=[{"object": "Account", "name": "Partner"}],
        keep_record_types=["Partner"],
    )
    tandem = make_tandem(self_serve_accounts="create")
    ada, bea = buys(world, "Ada Lovelace", "ada@oak.example"), buys(world, "Bea", "bea@elm")

    told = failed(tandem)
    assert {code for code, _ in told.values()} == {"DATA-220"}
    assert (
        "wants more of a new Account than is known of a customer: Segment__c. Give it a value in SELF_SERVE"
        in told[ada][1]
    )
    assert world.crm.rows("Account", "Id") == []

    # The setting is there, and something else is wrong with it. Each start looks again at what was refused.
    partner = make_tandem(
        self_serve_accounts="create", self_serve_account_fields={"Segment__c": "Web"},
        self_serve_record_type_id=record_type(world, "Partner"),
    )  # fmt: skip
    assert looks(partner) == 2
    assert {code for code, _ in failed(partner).values()} == {"CONF-302"}
    other = make_tandem(self_serve_accounts="create", self_serve_account_fields={"Segment__c": "Shop"})
    assert looks(other) == 2
    assert failed(other)[ada][0] == "CONF-304"

    # An admin takes the wish back: nobody restarts anything. An e-mail that Salesforce takes for none is the customer's to mend.
    right = make_tandem(self_serve_accounts="create")
    pipeline = right.services.pipeline
    each_minute = Configured(pipeline.subjects, pipeline.outbox, right.services.salesforce)
    assert each_minute.look() == 2
    assert {code for code, _ in failed(right).values()} == {"DATA-220"}
    assert each_minute.look() == 0, "it was looked at, and nothing is otherwise"
    world.switch("features", optional=["Account.Segment__c"])
    assert each_minute.look() == 2
    [(customer, (code, words))] = failed(right).items()
    assert (customer, code, "Correct it on the customer in Stripe" in words) == (bea, "DATA-220", True)
    assert world.crm.row("Account", "Name MRR__c") == {"Name": "Ada Lovelace", "MRR__c": 39}
    world.stripe.post(f"customers/{bea}", email="bea@elm.example")
    settled(right)
    assert {r["Name"] for r in world.crm.rows("Account", "Name")} == {"Ada Lovelace", "Bea"}
    assert {r["Status__c"] for r in world.crm.rows("Billing_Subscription__c", "Status__c")} == {"Active"}
    changes_nothing(right)


def test_two_of_one_company_at_once_are_one_and_a_duplicate_that_is_tried_again_the_next_day(
    world: World, make_tandem: Callable[..., Tandem]
) -> None:
    world.at("2026-03-05")
    world.switch("settings", duplicate_rules=True)
    tandem = make_tandem(self_serve_accounts="create")
    first, second = buys(world, "Oak Ltd", "ada@oak.example"), buys(world, "Oak Ltd", "bob@oak.example")

    [(waits, (code, words))] = failed(tandem).items()

    assert (waits in (first, second), code) == (True, "CONF-303")
    assert "Use one of these records?" in words
    assert len(world.crm.rows("Account", "Id")) == 1
    world.switch("settings", duplicate_rules=False)  # the integration user is exempt by now, and nobody says so
    tandem.drain()
    assert len(world.crm.rows("Account", "Id")) == 1
    world.at("2026-03-06T00:01")
    settled(tandem)
    assert len(world.crm.rows("Account", "Id")) == 2
    assert len(world.crm.rows("Billing_Subscription__c", "Id")) == 2
