"""Both change sources, read to their head: nothing is lost between a page and its cursor, nothing is due twice for the same content."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text

from sync.errors import Transient
from sync.facts import Customer
from sync.ports import Change, ChangePage, EventPage, Failed, Mark, NewLink, NewNotice
from sync.run.changes import Changes
from sync.run.intake import route
from sync.run.strangers import Strangers
from tests.sync.run.conftest import Place


def changes(place: Place) -> Changes:
    vendors: Any = {"stripe": place.stripe, "salesforce": place.salesforce}
    return Changes(**vendors, subjects=place.subjects, cursors=place.cursors)


def quote(digest: str, *, stamp: str = "2026-03-01T12:00:00Z", deleted: bool = False) -> Change:
    return Change("Quote", "0Q0A", stamp, digest, {"AccountId": "001A"}, deleted)


def page(*found: Change, cursor: str = "end", more: bool = False) -> ChangePage:
    return ChangePage(found, {"at": cursor}, more)


def poll(place: Place, *found: Change) -> bool:
    """Whether the quote is due after this was read and taken in; it is done then."""
    place.salesforce.pages = [page(*found)]
    changes(place).poll_salesforce("hot")
    place.subjects.intake(lambda notice: route(notice, settle_s=0.0))
    due = "quote:0Q0A" in place.due()
    if due:
        claim = place.subjects.claim_unit("deal")
        assert claim is not None
        place.subjects.finish(claim, {})
        with place.engine.begin() as connection:
            connection.execute(text("UPDATE subjects SET done_revision = revision"))
    return due


def test_content_that_was_acted_on_makes_nothing_due_whatever_its_stamp(place: Place) -> None:
    assert poll(place, quote("A"))
    assert not poll(place, quote("A"))
    assert not poll(place, quote("A", stamp="2026-03-01T12:05:00Z"))


def test_from_a_to_b_and_back_to_a_is_due_three_times_also_within_one_second(place: Place) -> None:
    assert [poll(place, quote(digest)) for digest in "ABABA"] == [True] * 5


def test_a_deletion_is_a_change_of_its_own_and_so_is_coming_back(place: Place) -> None:
    assert poll(place, quote("A"))
    assert poll(place, quote("A", deleted=True))
    assert not poll(place, quote("A", deleted=True))
    assert poll(place, quote("A"))


def test_every_page_is_read_and_each_cursor_is_kept(place: Place) -> None:
    place.salesforce.pages = [page(quote("A"), cursor="1", more=True), page(quote("B"), cursor="2")]

    assert changes(place).poll_salesforce("hot") == 2

    assert place.salesforce.cursors == [("hot", None), ("hot", {"at": "1"})]
    assert place.cursors.get("salesforce:00D000000000001AAA:hot") == {"at": "2"}
    assert place.cursors.get("salesforce:00D000000000001AAA:cold") is None


def test_the_cursor_stays_when_the_notices_could_not_be_stored(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    poller = changes(place)
    place.salesforce.pages = [page(quote("A"))]
    monkeypatch.setattr(place.subjects, "add_notices", _fails)

    with pytest.raises(Transient):
        poller.poll_salesforce("hot")

    assert place.cursors.get("salesforce:00D000000000001AAA:hot") is None
    assert place.cursors.seen("Quote", {"0Q0A": "A"}) == {"0Q0A"}
    monkeypatch.undo()
    assert poll(place, quote("A"))


def test_a_crash_between_notice_and_digest_is_told_again_not_lost(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.salesforce.pages = [page(quote("A"))]
    monkeypatch.setattr(place.cursors, "act_on", _fails)
    with pytest.raises(Transient):
        changes(place).poll_salesforce("hot")
    monkeypatch.undo()

    assert poll(place, quote("A"))


def test_a_changed_record_wakes_who_waits_for_it(place: Place) -> None:
    place.mark("quote:0Q0A", lane="deal", unit="unit:001A")
    claim = place.subjects.claim_unit("deal")
    assert claim is not None
    place.subjects.finish(claim, {"quote:0Q0A": Failed("CONF-301", "product", blocked_on=("0Q0A", "01tA"))})
    product = Change("Product2", "01tA", "2026-03-01T12:00:00Z", "P")

    place.salesforce.pages = [page(product)]
    changes(place).poll_salesforce("cold")
    assert place.due() == {"quote:0Q0A": "deal"}


def test_a_field_of_ours_that_somebody_corrects_wakes_who_waits_for_the_record_and_nobody_else(place: Place) -> None:
    def polled(awaited: str) -> dict[str, str]:
        place.salesforce.pages = [page(Change("Product2", "01tA", "2026-03-01T12:00:00Z", "P", awaited=awaited))]
        changes(place).poll_salesforce("cold")
        due = place.due()
        place.mark("quote:0Q0A", lane="deal", unit="unit:001A")
        claim = place.subjects.claim_unit("deal")
        assert claim is not None
        failed = Failed("CONF-301", "product", blocked_on=("0Q0A", "01tA"))
        place.subjects.finish(claim, {"quote:0Q0A": failed})
        return due

    assert [polled(said) for said in ("none", "prod_1", "prod_1", "none")] == [
        {}, {"quote:0Q0A": "deal"}, {}, {"quote:0Q0A": "deal"},
    ]  # fmt: skip


def test_events_are_stored_before_the_cursor_moves(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    poller = changes(place)
    notices = (NewNotice("stripe:acct_1", "evt_1", "invoice.paid", "invoice", "in_1"),)
    place.stripe.pages = [EventPage(notices, {"id": "evt_1"}, True)]
    monkeypatch.setattr(place.subjects, "add_notices", _fails)

    with pytest.raises(Transient):
        poller.poll_stripe()
    assert place.cursors.get("stripe:acct_1:events") is None

    monkeypatch.undo()
    place.stripe.pages = [EventPage(notices, {"id": "evt_1"}, True), EventPage(notices, {"id": "evt_1"}, False)]
    assert poller.poll_stripe(undelivered_only=True) == 1
    assert place.stripe.cursors[1:] == [(None, True), ({"id": "evt_1"}, True)]


def test_who_begins_with_what_comes_goes_on_where_events_were_read_before(place: Place) -> None:
    changes(place).begin_with_what_comes()
    assert place.cursors.get("stripe:acct_1:events") == {"id": "evt_head"}
    place.cursors.put("stripe:acct_1:events", {"id": "evt_9"})

    changes(place).begin_with_what_comes()

    assert place.cursors.get("stripe:acct_1:events") == {"id": "evt_9"}


def _fails(*_: object, **__: object) -> None:
    raise Transient("TEMP-406", "the store is away")


def test_an_account_that_gets_the_e_mail_or_the_id_of_a_customer_whom_nobody_knew_has_that_one_looked_up(
    place: Place,
) -> None:
    people = {"cus_new": "Jo@Ash.example", "cus_typed": "", "cus_held": "jo@ash.example", "cus_never": "jo@ash.example"}
    place.facts.put([Customer(id=id_, email=email) for id_, email in people.items()], place.facts.fence())
    place.links.add(NewLink("customer:001X", "001X", "customer", "cus_held"))
    for known in ("cus_new", "cus_typed"):
        place.subjects.wake(Mark(f"customer:{known}", "deal", f"unit:{known}"), datetime(2026, 4, 1, tzinfo=UTC))
    met = Strangers(place.facts, place.links, place.subjects).met

    def told(account: str, *payer_by: str, **more: Any) -> set[str]:
        place.salesforce.pages = [
            page(Change("Account", account, "2026-03-01T12:00:00Z", "A", payer_by=payer_by, **more))
        ]
        replace(changes(place), met=met).poll_salesforce("hot")
        return {key for key in place.due() if key.startswith("customer:")}

    assert told("001A", "somebody@else.example") == set()
    assert told("001B", "jo@ash.example", deleted=True) == set()
    assert told("001C", "jo@ASH.example") == {"customer:cus_new"}
    assert told("001D", "cus_typed", awaited="B") == {"customer:cus_new", "customer:cus_typed"}
