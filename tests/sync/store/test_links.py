"""A link is unique both ways, and nobody gets a second Stripe object by a race."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pytest
from sqlalchemy import Engine

from sync.errors import Unsafe
from sync.ports import NewLink
from sync.store.links import StoredLinks

CUSTOMER = NewLink("customer:001A", "001A", "customer", "cus_1")


def test_a_link_is_found_by_each_of_its_three_names(links: StoredLinks) -> None:
    schedule = NewLink("schedule:0Q0A", "0Q0A", "schedule", "sub_sched_1", livemode=True)
    second = NewLink("schedule:0Q0A#2", "0Q0A", "subscription", "sub_2", livemode=True)
    for link in (CUSTOMER, schedule, second):
        links.add(link)
    links.add(CUSTOMER)  # once more is fine

    assert links.by_key(["customer:001A", "nobody"]) == {"customer:001A": CUSTOMER}
    assert links.by_stripe_id(["sub_sched_1", "sub_2"]) == {"sub_sched_1": schedule, "sub_2": second}
    assert list(links.by_salesforce_id(["0Q0A"])) == [schedule, second]
    assert list(links.by_salesforce_id(["0Q0A"], "subscription")) == [second]
    assert links.by_key([]) == {}


@pytest.mark.parametrize(
    "other",
    [
        NewLink("customer:001A", "001A", "customer", "cus_2"),
        NewLink("customer:001B", "001B", "customer", "cus_1"),
        NewLink("customer:001A", "001A", "customer", "cus_1", livemode=True),
        NewLink("customer:001A", "001B", "customer", "cus_1"),
    ],
    ids=["another Stripe id", "another key", "another mode", "another record"],
)
def test_a_link_that_says_otherwise_is_refused_and_the_first_stays(links: StoredLinks, other: NewLink) -> None:
    links.add(CUSTOMER)
    with pytest.raises(Unsafe) as refused:
        links.add(other)

    assert refused.value.code == "BUG-501"
    assert list(links.by_salesforce_id(["001A", "001B"])) == [CUSTOMER]


def test_another_stripe_account_has_links_of_its_own(links: StoredLinks, engine: Engine) -> None:
    elsewhere = StoredLinks(engine, stripe_account="acct_2")
    links.add(CUSTOMER)
    assert elsewhere.by_key(["customer:001A"]) == {}
    elsewhere.add(NewLink("customer:001A", "001A", "customer", "cus_9"))
    elsewhere.remove("customer:001A")
    assert links.by_key(["customer:001A"]) == {"customer:001A": CUSTOMER}


def test_a_removed_link_leaves_room_for_another(links: StoredLinks) -> None:
    links.add(CUSTOMER)
    links.remove("customer:001A")
    links.remove("customer:001A")
    links.add(NewLink("customer:001A", "001A", "customer", "cus_2"))


def test_of_two_linking_one_record_at_once_one_is_refused(links: StoredLinks, other_engine: Engine) -> None:
    other = StoredLinks(other_engine, stripe_account="acct_1")
    start = Barrier(2)

    def link(where: StoredLinks, key: str, stripe_id: str) -> bool:
        start.wait()
        try:
            where.add(NewLink(key, "001", "customer", stripe_id))
        except Unsafe:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        for n in range(10):
            one = pool.submit(link, links, f"customer:{n}", f"cus_{n}_a")
            two = pool.submit(link, other, f"customer:{n}", f"cus_{n}_b")
            assert sorted([one.result(30), two.result(30)]) == [False, True]


def test_a_schedule_may_be_followed_by_another_of_its_key(links: StoredLinks) -> None:
    first = NewLink("schedule:0Q0A", "0Q0A", "schedule", "sub_sched_1", False)
    after = replace(first, stripe_id="sub_sched_2")
    links.add(first)
    links.add(after)
    links.add(after)
    assert links.by_key(["schedule:0Q0A"]) == {"schedule:0Q0A": after}
    with pytest.raises(Unsafe):
        links.add(NewLink("schedule:0Q0B", "0Q0B", "schedule", "sub_sched_2", False))
