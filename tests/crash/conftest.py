"""One running installation for all crash tests: each test brings customers of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.crash.installation import Installation, installed
from tests.e2e import traffic


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """`tandem up --sandbox` with a mortal worker, on 15 February 2026."""
    with installed(tmp_path_factory.mktemp("crash")) as running:
        running.world.at("2026-02-15")
        yield running
        traffic.keep(running.world.control_url)
