"""The billing endpoints' tables, held against the types of the official SDK."""

from __future__ import annotations

import pytest

from sandbox.stripe import billing
from sandbox.stripe.kernel import Route, routes
from tests.contracts.stripe_contract import check, find_endpoint
from tests.sandbox.stripe.test_declared_parameters import path_of, requests

BILLING = [route for route in routes() if route.handler.__module__.startswith(billing.__name__)]


@pytest.mark.parametrize("route", BILLING, ids=lambda route: f"{route.method} {route.template}")
def test_a_billing_endpoint_takes_nothing_that_the_sdk_does_not_know(route: Route) -> None:
    assert find_endpoint(route.method, path_of(route)) is not None, "no such endpoint in the SDK"
    fields = {key: kind for key, kind in route.params.items() if key != "expand"}
    tried = 0
    for params in requests(fields):
        tried += 1
        problems = [str(p) for p in check(route.method, path_of(route), params) if p.severity == "error"]
        assert problems == [], f"{params}"
    assert tried > len(fields)


def test_every_endpoint_of_billing_registers() -> None:
    assert len(BILLING) >= 40
