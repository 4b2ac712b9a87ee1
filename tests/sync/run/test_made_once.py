"""What a link says is there is not made again."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from sync.errors import Unsafe
from sync.plan import Plan
from sync.ports import Links, NewLink
from sync.records import Operation, Ref, Verb
from sync.run.made_once import check_made_once

DEAL = "0Q0A"


def creating(kind: str, **payload: Any) -> Plan:
    return Plan((Operation(Verb.CREATE, Ref(kind, DEAL), payload),), (), True)


def linked(*kinds: str) -> Links:
    held = {f"{k}:{DEAL}": NewLink(f"{k}:{DEAL}", DEAL, k, f"id_of_{k}") for k in kinds}
    return cast("Links", SimpleNamespace(by_key=lambda keys: {k: held[k] for k in keys if k in held}))


@pytest.mark.parametrize("kind", ["subscription", "schedule"])
def test_nothing_is_made_in_place_of_what_a_link_holds(kind: str) -> None:
    with pytest.raises(Unsafe, match=f"id_of_{kind}.*Nothing was made") as refused:
        check_made_once(creating(kind), linked(kind), "00000007")
    assert refused.value.code == "BUG-503"


def test_what_is_linked_nowhere_is_made_and_a_schedule_may_follow_one_that_let_go() -> None:
    check_made_once(creating("subscription"), linked("schedule"), "00000007")
    check_made_once(creating("schedule", from_subscription="sub_1"), linked("subscription", "schedule"), "00000007")
