"""A subscription of ours that somebody took its metadata from: who it is for is put back, nothing else of it is touched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sync.desired.keys import QUOTE
from sync.desired.made import OVER
from sync.facts import Subscription
from sync.records import Desired, Ref, Value


def as_labelled(
    wanted: Sequence[Desired], subscription: Subscription, key: str, metadata: Mapping[str, Value]
) -> list[Desired]:
    """``wanted`` of a track's subscription, with its metadata where it lacks the id of its quote. One that lacks that is
    known by its link (`sync.ports.Facts.recognised`). Else ``wanted`` as it is: a schedule labels what it begins.
    """
    if subscription.metadata.get(QUOTE) or subscription.status in OVER:
        return list(wanted)
    bare = Desired(Ref("subscription", key), create={}, compare={}, money=True)
    first, *more = wanted or [bare]
    compare: dict[str, Value] = {**first.compare, "metadata": metadata}
    return [replace(first, compare=compare, update={**first.update, "metadata": {"metadata": metadata}}), *more]
