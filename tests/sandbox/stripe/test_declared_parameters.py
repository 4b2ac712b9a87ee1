"""What the endpoints declare, held against the types of the official SDK: nothing is taken that Stripe does not have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.stripe import billing, resources, tax
from sandbox.stripe.kernel import Route, routes
from sandbox.stripe.params import Fields, Kind
from tests.contracts.stripe_contract import check, find_endpoint

PACKAGES = (resources.__name__, billing.__name__, tax.__name__)  # imported for the endpoints that they register
ROUTES = [route for route in routes() if route.handler.__module__.startswith(PACKAGES)]
#: Not of the SDK's types: v2 gives the page in the address that it answers.
APART = ("expand", "page")
SAMPLES = {
    "moment": "2026-03-01T00:00:00Z",
    "text": "x",
    "integer": "1",
    "timestamp": "1767225600",
    "boolean": "true",
    "decimal": "1.5",
    "currency": "usd",
    "metadata": {"k": "v"},
}


def samples(kind: Kind) -> Iterator[Any]:
    """Values of the kind: every option, every choice, and the empty string where it may unset."""
    if kind.is_clearable:
        yield ""
    if kind.options:
        yield from kind.options
    elif kind.choices:
        for choice in kind.choices:
            yield from samples(choice)
    elif kind.item is not None:
        yield from ([value] for value in samples(kind.item))
    elif kind.fields is not None:
        yield from requests(kind.fields)
    else:
        yield SAMPLES[kind.name]


def requests(fields: Fields) -> Iterator[dict[str, Any]]:
    """For each value of each field a request with it and with what is required."""
    needed = {key: next(iter(samples(kind))) for key, kind in fields.items() if kind.is_required}
    yield needed
    for key, kind in fields.items():
        for value in samples(kind):
            yield {**needed, key: value}


def path_of(route: Route) -> str:
    return route.template.replace("{", "").replace("}", "")


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.template}")
def test_an_endpoint_takes_nothing_that_the_sdk_does_not_know(route: Route) -> None:
    assert find_endpoint(route.method, path_of(route)) is not None, "no such endpoint in the SDK"
    fields = {key: kind for key, kind in route.params.items() if key not in APART}
    tried = 0
    for params in requests(fields):
        tried += 1
        problems = [str(p) for p in check(route.method, path_of(route), params) if p.severity == "error"]
        assert problems == [], f"{params}"
    assert tried > len(fields)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.template}")
def test_what_the_sdk_requires_is_declared_as_required(route: Route) -> None:
    missing = {p.path for p in check(route.method, path_of(route), {}) if p.kind == "missing"}
    assert missing <= {key for key, kind in route.params.items() if kind.is_required}


def test_the_tables_are_not_empty() -> None:
    assert len(ROUTES) >= 80
