"""Which Stripe account a deal is billed in."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.routing import ONE_ACCOUNT, Condition, Fields, Route, Routes, Sobject, comparable


def condition(sobject: Sobject, field: str, *values: object) -> Condition:
    return Condition(sobject, field, frozenset(comparable(v) for v in values))


ROUTES = Routes(
    (
        Route("jp", (condition("Quote", "Entity__c", "Tandem KK"),)),
        Route("eu", (condition("Account", "BillingCountry", "Germany", "France"), condition("Quote", "Euro__c", True))),
        Route("eu", (condition("Account", "Region__c", 7),)),
        Route("us"),
    )
)


@pytest.mark.parametrize(
    ("quote", "account", "name"),
    [
        ({"Entity__c": "tandem kk "}, {"BillingCountry": "Germany"}, "jp"),
        ({"Euro__c": True}, {"BillingCountry": "FRANCE"}, "eu"),
        ({"Euro__c": False}, {"BillingCountry": "France"}, "us"),
        ({}, {"BillingCountry": "France"}, "us"),
        ({}, {"Region__c": Decimal("7.00")}, "eu"),
        ({}, {"Region__c": "7"}, "eu"),
        ({}, {"Region__c": None}, "us"),
        ({"Entity__c": "  "}, {}, "us"),
    ],
)
def test_the_first_route_whose_conditions_all_hold_is_taken(quote: Fields, account: Fields, name: str) -> None:
    assert ROUTES.route(quote, account) == name


def test_the_home_of_an_account_is_decided_by_its_own_fields_alone() -> None:
    assert ROUTES.home({"BillingCountry": "France"}) == "us"
    assert ROUTES.home({"Region__c": 7}) == "eu"


def test_the_fields_to_read_are_those_of_the_rules() -> None:
    assert (ROUTES.fields("Account"), ROUTES.fields("Quote")) == (
        ("BillingCountry", "Region__c"),
        ("Entity__c", "Euro__c"),
    )


def test_one_account_takes_everything_and_reads_nothing() -> None:
    assert ONE_ACCOUNT.route({"Any": 1}, {"Thing": 2}) == ""
    assert ONE_ACCOUNT.fields("Account") == ONE_ACCOUNT.fields("Quote") == ()


VALUES = st.sampled_from(["", "a", "A ", "b", None, True, 1, Decimal("1.0")])
RECORDS = st.dictionaries(st.sampled_from(["X", "Y"]), VALUES)
CONDITIONS = st.builds(
    lambda s, f, v: condition(s, f, *v),
    st.sampled_from(["Account", "Quote"]),
    st.sampled_from(["X", "Y"]),
    st.sets(st.sampled_from(["a", "b", True, 1]), min_size=1),
)
SOME = st.builds(
    Route, st.sampled_from(["one", "two", "three"]), st.lists(CONDITIONS, min_size=1, max_size=2).map(tuple)
)


@given(st.lists(SOME, max_size=4), RECORDS, RECORDS)
def test_every_deal_goes_somewhere_and_a_route_taken_is_one_that_holds(
    some: list[Route], quote: Fields, account: Fields
) -> None:
    routes = Routes((*some, Route("rest")))
    fields: dict[Sobject, Fields] = {"Quote": quote, "Account": account}

    taken = routes.route(quote, account)

    holding = [route.account for route in some if all(c.holds(fields) for c in route.when)]
    assert taken == [*holding, "rest"][0]


@given(SOME, st.lists(CONDITIONS, max_size=1), RECORDS, RECORDS)
def test_a_route_that_asks_more_than_an_earlier_one_is_never_taken(
    earlier: Route, more: list[Condition], quote: Fields, account: Fields
) -> None:
    narrower = tuple(Condition(c.sobject, c.field, frozenset(sorted(c.values)[:1])) for c in earlier.when)
    later = Route("later", (*more, *narrower))

    assert earlier.hides(later)
    assert Routes((earlier, later, Route("rest"))).route(quote, account) != "later"


@given(RECORDS, RECORDS)
def test_what_a_blank_field_would_be_changes_nothing(quote: Fields, account: Fields) -> None:
    known = {name: value for name, value in account.items() if comparable(value)}

    assert ROUTES.route(quote, account) == ROUTES.route(quote, known)
