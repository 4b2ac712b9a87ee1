"""What is due on several Stripe accounts in one store: each account's work is its own, a quote is in one place."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from sync.ports import EVERY, Claim, Done, Failed, Mark, Moved, NewNotice
from sync.store.ledger import StoredLedger
from sync.store.links import StoredLinks
from sync.store.subjects import StoredSubjects
from tests.sync.store.samples import NOW, create, deal, mirror

EU = "acct_eu"


@pytest.fixture
def of_us(engine: Engine) -> StoredSubjects:
    return StoredSubjects(engine, now=lambda: NOW, stripe_accounts=("", EU))


@pytest.fixture
def of_eu(engine: Engine) -> StoredSubjects:
    return StoredSubjects(engine, now=lambda: NOW, stripe_account=EU, stripe_accounts=("", EU))


def account(id_: str = "001A", **overrides: str) -> Mark:
    return Mark(f"account:{id_}", "mirror", f"unit:{id_}", **overrides)  # type: ignore[arg-type]


def keys(claim: Claim | None) -> list[str]:
    return [due.key for due in claim.subjects] if claim else []


def test_each_account_claims_what_was_marked_in_its_own_queue(of_us: StoredSubjects, of_eu: StoredSubjects) -> None:
    of_us.mark([mirror("in_us"), account()], reason="x")
    of_eu.mark([mirror("in_eu"), account()], reason="x")
    ours, theirs = of_us.claim_batch("mirror"), of_eu.claim_batch("mirror")
    assert (keys(ours), keys(theirs)) == (["account:001A", "invoice:in_us"], ["account:001A", "invoice:in_eu"])

    assert ours
    assert theirs
    of_eu.finish(theirs, {"account:001A": Failed("DATA-201", "no e-mail"), "invoice:in_eu": Done()})
    of_us.finish(ours, {"account:001A": Done(), "invoice:in_us": Done()})
    here, there = of_us.state("account:001A"), of_eu.state("account:001A")
    assert here
    assert there
    assert (here.error_code, there.error_code, there.stripe_account) == (None, "DATA-201", EU)
    assert [(f.key, f.stripe_account) for f in of_us.failures()] == [("account:001A", EU)]


def test_a_notice_may_concern_every_account_or_a_named_one(of_us: StoredSubjects, of_eu: StoredSubjects) -> None:
    of_us.add_notices([NewNotice("salesforce:00D", "1", "Account", "Account", "001A")])
    of_us.intake(lambda notice: [account(stripe_account=EVERY), account("001B", stripe_account=EU)])
    assert keys(of_us.claim_batch("mirror")) == ["account:001A"]
    assert keys(of_eu.claim_batch("mirror")) == ["account:001A", "account:001B"]


def test_a_quote_that_moves_is_due_over_there_and_is_found_there_whoever_marks_it(
    of_us: StoredSubjects, of_eu: StoredSubjects
) -> None:
    of_us.mark([deal()], reason="x")
    reference = of_us.state("quote:0Q0A").reference  # type: ignore[union-attr]
    claim = of_us.claim_unit("deal")
    assert claim
    of_us.finish(claim, {"quote:0Q0A": Moved(EU)})

    assert of_us.claim_unit("deal") is None
    there = of_eu.claim_unit("deal")
    assert keys(there) == ["quote:0Q0A"]
    assert there
    assert there.subjects[0].attempts == 1, "as if it had been marked there"
    of_eu.finish(there, {"quote:0Q0A": Done()})

    of_us.mark([deal()], reason="changed in Salesforce")
    assert of_us.claim_unit("deal") is None
    assert keys(of_eu.claim_unit("deal")) == ["quote:0Q0A"]
    state = of_us.state("quote:0Q0A")
    assert state
    assert (state.stripe_account, state.reference) == (EU, reference)


def test_a_wake_is_set_where_the_subject_is(of_us: StoredSubjects, of_eu: StoredSubjects) -> None:
    of_eu.wake(account(), NOW)
    assert of_us.state("account:001A") is None
    of_us.wake_due(NOW)
    assert keys(of_us.claim_batch("mirror")) == []
    assert keys(of_eu.claim_batch("mirror")) == ["account:001A"]


def test_the_store_holds_no_quote_twice(of_us: StoredSubjects, engine: Engine) -> None:
    of_us.mark([deal()], reason="x")
    twice = "INSERT INTO subjects (key, stripe_account, lane, unit) VALUES ('quote:0Q0A', 'acct_eu', 'deal', 'unit:1')"
    with pytest.raises(IntegrityError), engine.begin() as connection:
        connection.execute(text(twice))


def test_one_key_and_name_on_two_accounts_are_two_operations(
    of_us: StoredSubjects, of_eu: StoredSubjects, engine: Engine
) -> None:
    us = StoredLedger(engine, StoredLinks(engine, stripe_account="acct_us"))
    eu = StoredLedger(engine, StoredLinks(engine, stripe_account=EU), stripe_account=EU)
    of_us.mark([deal()], reason="x")
    claim = of_us.claim_unit("deal")
    assert claim
    operation = create("001A")
    run = us.open_run(claim=claim, subject="quote:0Q0A", trigger="due", as_of=NOW, digest="", plan={})
    op = us.plan_operation(run, operation, revision=1, key="key", payload_hash="hash")
    us.sent(op, claim, now=NOW)

    assert eu.last(operation.ref, "create", "", "hash") is None
    assert (eu.revision(operation.ref), eu.open_operations([operation.ref])) == (0, ())
    other = eu.plan_operation(run, operation, revision=1, key="key", payload_hash="other")
    assert [state.id for state in us.open_operations([operation.ref])] == [op]
    assert other != op
