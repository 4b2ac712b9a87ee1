"""How tests look at a quote that is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sync.deal.deal import Deal
from sync.errors import Refusal, Refused


def refusals(read: Callable[[], Deal]) -> tuple[Refusal, ...]:
    """All that was found, in order; each is in plain words and says whether anything was charged."""
    with pytest.raises(Refused) as refused:
        read()
    for one in refused.value.refusals:
        assert one.message.endswith("Nothing was charged."), one.message
        assert "?" not in one.message, one.message
        assert one.record_id in one.blocked_on
    return refused.value.refusals


def refusal(read: Callable[[], Deal]) -> Refusal:
    """The only one."""
    found = refusals(read)
    assert len(found) == 1, [one.message for one in found]
    return found[0]


def told(read: Callable[[], Deal]) -> tuple[str, str, str]:
    """Code, field and record of the only refusal."""
    one = refusal(read)
    return one.code, one.field, one.record_id
