"""Polling: nothing skipped, nothing told twice for nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.errors import Terminal
from sync.gateways.salesforce_changes import Marks, canonical, literal, rewound
from sync.gateways.salesforce_gateway import SalesforceOrg
from sync.ports import Change
from tests.sync.gateways.crm_seed import make_deal
from tests.sync.gateways.world import World

NOON = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


def to_the_head(org: SalesforceOrg, cursor: Any, heat: Any = "hot") -> tuple[list[Change], Any]:
    seen: list[Change] = []
    more = True
    while more:
        page = org.changes(heat, cursor)
        seen += page.changes
        cursor, more = page.cursor, page.more
    return seen, cursor


def later(world: World, minute: int) -> None:
    world.clock(f"2026-03-01T00:{minute:02d}:00Z")


def test_a_first_reading_brings_every_record_with_what_it_belongs_to(world: World) -> None:
    deal = make_deal(world)
    seen, _ = to_the_head(world.org(), None)
    by_id = {c.id: c for c in seen}
    assert by_id[deal.quote].related["AccountId"] == deal.account
    assert by_id[deal.quote].related["Status"] == "Draft"
    assert by_id[deal.line].related == {"QuoteId": deal.quote, "AccountId": deal.account}
    cold, _ = to_the_head(world.org(), None, "cold")
    assert {deal.product, deal.price, deal.contact, deal.opportunity} <= {c.id for c in cold}


def test_at_the_head_nothing_comes_and_one_call_is_made(world: World) -> None:
    make_deal(world)
    org = world.org()
    later(world, 1)
    _, cursor = to_the_head(org, None)
    before = len(world.log("salesforce"))
    seen, _ = to_the_head(org, cursor)
    assert seen == []
    assert len(world.log("salesforce")) == before + 1


def test_a_second_edit_in_the_same_second_is_seen(world: World) -> None:
    deal = make_deal(world)
    org = world.org()
    first, cursor = to_the_head(org, None)
    world.change("Quote", deal.quote, Term_Months__c=24)  # the clock stands still: the stamp is the same
    second, _ = to_the_head(org, cursor)
    digests = [[c.digest for c in seen if c.id == deal.quote] for seen in (first, second)]
    assert len(digests[0]) == len(digests[1]) == 1
    assert digests[0] != digests[1]


def test_a_digest_covers_inputs_and_nothing_that_we_write(world: World) -> None:
    deal = make_deal(world)
    org = world.org()
    first, cursor = to_the_head(org, None)
    world.change("Quote", deal.quote, Billing_Status__c="Live", Billing_Message__c="Billing runs.")
    second, cursor = to_the_head(org, cursor)
    world.change("QuoteLineItem", deal.line, Quantity=11)
    third, _ = to_the_head(org, cursor)
    of = [{c.id: c.digest for c in seen} for seen in (first, second, third)]
    assert of[0][deal.quote] == of[1][deal.quote]
    assert of[1][deal.line] != of[2][deal.line]


def test_deletions_are_told(world: World) -> None:
    deal = make_deal(world)
    org = world.org()
    later(world, 1)
    _, cursor = to_the_head(org, None)
    world.delete("QuoteLineItem", deal.line)
    seen, _ = to_the_head(org, cursor)
    assert [(c.id, c.deleted) for c in seen if c.object == "QuoteLineItem"] == [(deal.line, True)]


def test_a_row_committed_behind_the_watermark_is_found_by_the_overlap(world: World) -> None:
    org = world.org()
    world.switch("settings", {"commit_delay_s": 120})
    late = world.make("Account", Name="Slow")
    world.switch("settings", {"commit_delay_s": 0})
    later(world, 1)
    world.make("Account", Name="Quick")
    later(world, 5)
    _, cursor = to_the_head(org, None)
    assert late not in {c.id for c in to_the_head(org, cursor)[0]}
    world.switch("commit", {})
    assert late in {c.id for c in to_the_head(org, org.rewound(cursor, 600))[0]}


def test_more_rows_of_one_second_than_a_page_are_all_read_once(world: World) -> None:
    for _ in range(11):
        records = [{"attributes": {"type": "Account"}, "Name": f"A{i}"} for i in range(200)]
        world.admin("POST", "/composite/sobjects", {"allOrNone": True, "records": records})
    later(world, 1)
    org = world.org()
    seen, cursor = to_the_head(org, None)
    ids = [c.id for c in seen if c.object == "Account"]
    assert len(ids) == len(set(ids))
    assert len(ids) >= 2200
    assert to_the_head(org, cursor)[0] == []


def test_changes_are_read_where_the_package_has_a_namespace(namespaced_world: World) -> None:
    deal = make_deal(namespaced_world, Term_Months__c=12)
    org = namespaced_world.org()
    first, cursor = to_the_head(org, None)
    namespaced_world.change("Quote", deal.quote, Term_Months__c=24)
    second, _ = to_the_head(org, cursor)
    assert {c.id: c.digest for c in first}[deal.quote] != {c.id: c.digest for c in second}[deal.quote]


# ------------------------------------------------------------------ marks


def row(second: int, id: int) -> dict[str, str]:
    return {"SystemModstamp": f"2026-03-01T12:00:{second:02d}.000+0000", "Id": f"001{id:012d}"}


def test_a_stamp_is_passed_only_when_it_is_two_seconds_old() -> None:
    marks = Marks(None, None).after([row(0, 1), row(1, 2), row(2, 3)], NOON.replace(second=3), goes_on=False)
    assert marks.safe == (row(1, 2)["SystemModstamp"], row(1, 2)["Id"])
    assert marks.start == marks.safe


def test_a_pass_goes_on_where_it_was_even_when_nothing_is_settled() -> None:
    marks = Marks(None, None).after([row(0, 1), row(0, 2)], NOON, goes_on=True)
    assert marks.safe is None
    assert marks.start == (row(0, 2)["SystemModstamp"], row(0, 2)["Id"])
    assert marks.after([], NOON, goes_on=False).start is None


def test_without_a_date_the_newest_stamp_is_taken_for_now() -> None:
    marks = Marks(None, None).after([row(0, 1), row(2, 2)], None, goes_on=False)
    assert marks.safe == (row(0, 1)["SystemModstamp"], row(0, 1)["Id"])


@given(st.lists(st.integers(0, 30), min_size=1, max_size=20), st.integers(0, 40))
def test_the_safe_mark_never_passes_a_row_that_may_still_change(seconds: list[int], now: int) -> None:
    rows = [row(s, i) for i, s in enumerate(sorted(seconds))]
    marks = Marks(None, None).after(rows, NOON.replace(second=min(59, now)), goes_on=False)
    unsettled = [r for r in rows if int(r["SystemModstamp"][17:19]) > now - 2]
    assert all(marks.safe is None or (r["SystemModstamp"], r["Id"]) > marks.safe for r in unsettled)


def test_a_cursor_survives_its_storage_and_can_be_rewound() -> None:
    cursor = {
        "Quote": Marks(("2026-03-01T12:00:00.000+0000", "0Q0000000000001AAA"), None).as_json(),
        "Account": Marks(None, None).as_json(),
    }
    earlier = rewound(cursor, 600)
    assert Marks.parse(earlier["Quote"]).start == ("2026-03-01T11:50:00.000+00:00", "")
    assert Marks.parse(earlier["Account"]).start is None
    assert rewound(None, 600) == {}


@pytest.mark.parametrize("damaged", [7, {"safe": "x"}, {"safe": ["a"]}, {"safe": [1, 2]}, []])
def test_a_damaged_cursor_is_no_new_beginning(damaged: object) -> None:
    with pytest.raises(Terminal, match="BUG-502"):
        Marks.parse(damaged)


def test_numbers_have_one_spelling_in_a_digest() -> None:
    from decimal import Decimal

    assert {canonical(v) for v in (12, Decimal("12.0"), Decimal("1.2E1"))} == {"12"}
    assert canonical(Decimal("0.10")) == "0.1"
    assert (canonical(True), canonical(None), canonical("12.0")) == (True, None, "12.0")


def test_a_stamp_becomes_a_literal_in_utc() -> None:
    assert literal("2026-03-01T02:00:00.500+0200") == "2026-03-01T00:00:00.500Z"
