"""Which rows travel together: whole groups, parents first, never more than a Composite carries."""

from __future__ import annotations

from collections import Counter
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from sync.store.crm_content import OBJECT_ORDER, rank_of
from sync.store.flush_packing import Candidate, pack

OBJECTS = (*OBJECT_ORDER, "Product2")


def candidates() -> st.SearchStrategy[list[Candidate]]:
    """Up to 60 rows in any order. They follow from a number: drawn one choice after the other they cost more than what is tried."""
    return st.builds(_rows, st.integers(0, 60), st.integers(0, 2**64))


def _rows(many: int, seed: int) -> list[Candidate]:
    at_random, rows = Random(seed), list[Candidate]()
    for number in range(many):
        parents = at_random.choices(rows, k=at_random.randint(0, 2)) if rows else []
        absent = at_random.choice([[], ["Account:gone"], ["Quote:known"]])
        rows.append(
            Candidate(
                id=number,
                sobject=at_random.choice(OBJECTS),
                key=str(number),
                group=at_random.choice(["", "a", "b", "c"]),
                parents=(*(parent.name for parent in parents), *absent),
            )
        )
    at_random.shuffle(rows)
    return rows


@given(candidates(), st.integers(1, 40), st.integers(1, 5))
def test_a_flush_is_sound_whatever_waits(rows: list[Candidate], limit: int, calls: int) -> None:
    in_crm = {"Quote:known"}
    packed = pack(rows, in_crm, limit=limit, calls=calls)

    assert len(packed) <= limit
    assert len({row.id for row in packed}) == len(packed)
    assert sum(-(-n // 200) for n in Counter(row.sobject for row in packed).values()) <= calls
    assert [rank_of(row.sobject) for row in packed] == sorted(rank_of(row.sobject) for row in packed)
    ranks = {row.name: rank_of(row.sobject) for row in packed}
    for row in packed:
        for parent in row.parents:
            assert parent in in_crm or ranks[parent] < rank_of(row.sobject)


@given(candidates())
def test_flush_after_flush_everything_goes_that_ever_can(rows: list[Candidate]) -> None:
    in_crm = {"Quote:known"}
    left = list(rows)
    while packed := pack(left, in_crm, limit=7, calls=2):
        in_crm |= {row.name for row in packed}
        left = [row for row in left if row not in packed]

    assert all(any(parent not in in_crm for parent in row.parents) for row in left)


def test_a_group_that_does_not_fit_beside_others_waits_whole() -> None:
    first = [Candidate(n, "Billing_Invoice__c", f"f{n}", "first") for n in range(150)]
    second = [Candidate(200 + n, "Billing_Invoice__c", f"s{n}", "second") for n in range(100)]
    third = [Candidate(400 + n, "Billing_Invoice__c", f"t{n}", "third") for n in range(50)]

    packed = pack([*first, *second, *third], set(), limit=1000, calls=1)

    assert Counter(row.group for row in packed) == {"first": 150, "third": 50}


def test_only_a_group_larger_than_a_flush_is_split_and_parents_go_first() -> None:
    children = [Candidate(n, "Billing_Payment__c", f"p{n}", "a", (f"Billing_Invoice__c:i{n}",)) for n in range(300)]
    parents = [Candidate(300 + n, "Billing_Invoice__c", f"i{n}", "a") for n in range(300)]

    packed = pack([*children, *parents], set(), limit=400, calls=5)

    assert Counter(row.sobject for row in packed) == {"Billing_Invoice__c": 300, "Billing_Payment__c": 100}


def test_accounts_with_rows_of_more_objects_than_a_flush_carries_travel_together_all_the_same() -> None:
    objects = (
        "Account",
        "Quote",
        "QuoteLineItem",
        "Billing_Subscription__c",
        "Billing_Subscription_Item__c",
        "Billing_Invoice__c",
    )
    rows = [
        Candidate(10 * account + n, sobject, f"{account}", f"account {account}")
        for account in range(30) for n, sobject in enumerate(objects)
    ]  # fmt: skip

    first = pack(rows, set(), limit=1000, calls=5)
    second = pack([row for row in rows if row not in first], set(), limit=1000, calls=5)

    assert (len(first), len(second)) == (150, 30)
