"""A side that blinks just as Tandem starts does not end the command (DESIGN 6: transient retries are waited for)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sync.errors import Transient
from tests.e2e.looks import settled
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem


@pytest.mark.parametrize("kind", ["drop", "error_500"])
@pytest.mark.parametrize("system", ["salesforce", "stripe"])
def test_one_lost_answer_at_the_start_is_asked_for_again(
    world: World, make_tandem: Callable[..., Tandem], system: str, kind: str
) -> None:
    world.fault(system, kind, next=2)

    settled(make_tandem())


@pytest.mark.parametrize("system", ["salesforce", "stripe"])
def test_a_side_that_stays_away_is_named(world: World, make_tandem: Callable[..., Tandem], system: str) -> None:
    world.fault(system, "drop", ratio=1)

    with pytest.raises(Transient) as away:
        make_tandem()

    assert (away.value.code, system in away.value.message.lower()) == ("TEMP-406", True)
