"""What a soak is told: SEED (of the first world, so that it can be lived again) and SOAK_DEALS (how many deals in all)."""

from __future__ import annotations

import os
import secrets

import pytest

#: Deals of one world: enough for several deals of one customer, few enough that a failure can be read.
DEALS_IN_A_WORLD = 5
DEFAULT_DEALS = 200


def pytest_configure(config: pytest.Config) -> None:
    """Without a SEED there are new worlds each time. Chosen once: processes of one run have to mean the same."""
    if not hasattr(config, "workerinput"):
        os.environ.setdefault("SEED", str(1 + secrets.randbelow(10**9)))


def pytest_report_header() -> str:
    """How to live the same worlds again."""
    return f"soak: SEED={os.environ['SEED']} SOAK_DEALS={_number('SOAK_DEALS', DEFAULT_DEALS)}"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each world, named by its seed and how many quotes it has."""
    if "world_seed" in metafunc.fixturenames:
        deals, first = _number("SOAK_DEALS", DEFAULT_DEALS), _number("SEED", 1)
        sizes = [min(DEALS_IN_A_WORLD, deals - done) for done in range(0, deals, DEALS_IN_A_WORLD)]
        worlds = [(first + n, size) for n, size in enumerate(sizes)]
        metafunc.parametrize(("world_seed", "deals"), worlds, ids=[f"SEED={seed}-{size}" for seed, size in worlds])


def _number(name: str, default: int) -> int:
    value = os.environ.get(name, "").strip()
    if value and (not value.isdecimal() or int(value) < 1):
        raise pytest.UsageError(f"{name} is {value!r}; it has to be a number of 1 or more")
    return int(value or default)
