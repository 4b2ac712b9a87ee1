"""Several Accounts and customers of one billing e-mail at the same instant: as one after the other (BILLING_RULES 5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sync.desired.references import live_refs
from sync.ports import Mark
from tests.e2e.dying import die_before_creating
from tests.e2e.looks import changes_nothing, quote_row
from tests.e2e.people import sell
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem, work_in_parallel

HEADER: dict[str, Any] = {"Start_Date__c": "2026-03-01", "Term_Months__c": 12, "Billing_Frequency__c": "Monthly"}


def sold(world: World, *emails: str) -> list[str]:
    """A signed quote for an Account of its own for each of these e-mails."""
    seat = world.crm.product("Seat", currencies=["USD"])
    found = []
    for number, email in enumerate(emails):
        payer = world.crm.create("Account", Name=f"Company {number}", Billing_Email__c=email or None)
        found.append(sell(world.crm, [(seat, 2, "10.00", {})], account=payer, **HEADER))
    return found


def told(world: World, quotes: list[str]) -> list[tuple[str, str | None]]:
    rows = [quote_row(world, quote) for quote in quotes]
    return sorted((row["Billing_Status__c"], row["Billing_Code__c"]) for row in rows)


def test_two_accounts_of_one_e_mail_taken_in_at_once_get_one_customer_and_a_question(
    world: World, tandem: Tandem
) -> None:
    world.at("2026-02-10")
    quotes = sold(world, "ap@shared.example", "ap@shared.example")
    tandem.services.pipeline.poll()
    world.fault("stripe", "delay", ratio=1.0, match="/v1/customers", delay_s=0.3)  # both look before one makes

    work_in_parallel(tandem, tandem.again())

    world.clear_faults()
    assert len(world.stripe.all("customers")) == 1
    assert told(world, quotes) == [("Needs Attention", "DATA-213"), ("Scheduled", None)]
    changes_nothing(tandem)


def test_a_sign_up_right_behind_a_quote_whose_contact_has_its_e_mail_gets_no_account_of_its_own(
    world: World, make_tandem: Callable[..., Tandem]
) -> None:
    world.at("2026-02-10")
    tandem = make_tandem(self_serve_accounts="create")
    [quote] = sold(world, "")
    contact = world.crm.create("Contact", LastName="Ash", Email="Jo@Ash.example")
    world.crm.change("Quote", quote, ContactId=contact)
    pipeline = tandem.services.pipeline
    pipeline.poll()
    pipeline.take_in()
    while pipeline.run_deal():
        pass
    second = world.stripe.sign_up("Jo Ash", "jo@ash.example", seats=1, card="pm_card_visa")["customer"]
    mark = Mark(f"customer:{second}", "deal", f"unit:{second}")  # before the notice of the first customer has come
    tandem.services.facts.put(tandem.services.stripe.read(live_refs(second)).all(), tandem.services.facts.fence())
    tandem.services.subjects.mark([mark], reason="test")

    assert pipeline.run_deal() == 1

    assert tandem.services.subjects.state(f"customer:{second}").error_code == "DATA-213"  # type: ignore[union-attr]
    tandem.drain()
    assert len(world.crm.rows("Account", "Id")) == 1
    assert [c["email"] for c in world.stripe.all("customers") if c["id"] != second] == ["jo@ash.example"]


@pytest.mark.long
def test_six_pairs_of_accounts_in_a_race_of_three_workers_come_out_as_one_after_the_other(
    world: World, tandem: Tandem
) -> None:
    world.at("2026-02-10")
    pairs = [sold(world, f"ap@pair{n}.example", f"Ap@Pair{n}.example") for n in range(6)]
    tandem.services.pipeline.poll()
    world.fault("stripe", "delay", ratio=0.5, match="/v1/customers", delay_s=0.1)

    work_in_parallel(tandem, tandem.again(), tandem.again())

    world.clear_faults()
    assert sorted(c["email"] for c in world.stripe.all("customers")) == [f"ap@pair{n}.example" for n in range(6)]
    for pair in pairs:
        assert told(world, pair) == [("Needs Attention", "DATA-213"), ("Scheduled", None)]


@pytest.mark.long
def test_a_process_killed_with_an_e_mail_in_hand_leaves_it_to_the_next_and_holds_up_nobody_else(
    world: World, make_tandem: Callable[..., Tandem]
) -> None:
    world.at("2026-02-10")
    tandem = make_tandem(lease_s=4.0, call_deadline_s=3.0)  # who is killed is soon known to be gone
    quotes = sold(world, "ap@shared.example", "AP@Shared.example")
    pipeline = tandem.services.pipeline
    pipeline.poll()
    die_before_creating("customer", tandem)
    quotes += sold(world, "ap@else.example")
    pipeline.poll()
    pipeline.take_in()

    while pipeline.run_deal():
        pass

    codes = [tandem.services.subjects.state(f"quote:{quote}").error_code for quote in quotes]  # type: ignore[union-attr]
    assert sorted(codes[:2], key=str) == [None, "TEMP-402"]  # the dead one's, and who waits for its e-mail
    assert [c["email"] for c in world.stripe.all("customers")] == ["ap@else.example"]

    tandem.drain()

    assert sorted(c["email"] for c in world.stripe.all("customers")) == ["ap@else.example", "ap@shared.example"]
    assert told(world, quotes) == [("Needs Attention", "DATA-213"), ("Scheduled", None), ("Scheduled", None)]
    changes_nothing(tandem)
