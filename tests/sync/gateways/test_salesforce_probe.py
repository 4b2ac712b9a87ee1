"""Whether records may be written, tried on the sandbox's org."""

from __future__ import annotations

import pytest

from sync.errors import SyncError, Transient
from tests.sync.gateways.crm_seed import make_deal
from tests.sync.gateways.world import World


def probed(world: World) -> dict[str, tuple[str | None, str]]:
    return {p.object_: (p.record_id, p.code) for p in world.org().probe_writes()}


def test_records_that_may_be_written_are_said_to_be(world: World) -> None:
    deal = make_deal(world)
    assert probed(world) == {"Account": (deal.account, ""), "Quote": (deal.quote, "")}


def test_no_value_of_the_records_changes(world: World) -> None:
    make_deal(world, Billing_Day__c=5)
    fields = "SELECT FIELDS(ALL) FROM {} LIMIT 1"
    moved = {"SystemModstamp", "LastModifiedDate", "LastModifiedById", "attributes"}

    def values() -> list[dict[str, object]]:
        rows = [world.query(fields.format(name))[0] for name in ("Account", "Quote")]
        return [{k: v for k, v in row.items() if k not in moved} for row in rows]

    before = values()
    world.org().probe_writes()
    assert values() == before
    bodies = [
        part["body"]
        for line in world.log("salesforce")
        if line["path"].endswith("/composite")
        for part in line["params"]["compositeRequest"]
        if part["method"] == "PATCH"
    ]
    assert bodies == [{}, {}]


def test_it_costs_two_calls(world: World) -> None:
    make_deal(world)
    org = world.org()
    before = len(world.log("salesforce"))
    org.probe_writes()
    calls = [line for line in world.log("salesforce")[before:] if "oauth2" not in line["path"]]
    assert len(calls) == 2


@pytest.mark.parametrize("denied", ["Account", "Quote"])
def test_the_object_that_may_not_be_written_is_named(world: World, denied: str) -> None:
    make_deal(world)
    world.switch("settings", {"withheld": [denied]})
    refused = [p for p in world.org().probe_writes() if p.code]
    assert [(p.object_, p.code) for p in refused] == [(denied, "CONF-302")]
    assert "INSUFFICIENT_ACCESS_OR_READONLY" in refused[0].message
    assert denied in refused[0].message


def test_the_object_is_named_without_our_prefix_where_the_package_has_a_namespace(namespaced_world: World) -> None:
    deal = make_deal(namespaced_world)
    assert probed(namespaced_world)["Quote"] == (deal.quote, "")


def test_an_org_without_records_proves_nothing_and_says_so(world: World) -> None:
    assert probed(world) == {"Account": (None, ""), "Quote": (None, "")}


def test_a_locked_row_says_nothing_about_rights(world: World) -> None:
    make_deal(world)
    org = world.org()
    org.probe_writes()
    world.fault(system="salesforce", kind="lock", ratio=1.0, match="composite")
    with pytest.raises(Transient) as raised:
        org.probe_writes()
    assert raised.value.code == "TEMP-404"


@pytest.mark.parametrize("kind", ["error_500", "drop", "quota"])
def test_an_org_that_does_not_answer_is_no_verdict(world: World, kind: str) -> None:
    make_deal(world)
    org = world.org()
    org.probe_writes()
    world.fault(system="salesforce", kind=kind, ratio=1.0, match="composite")
    with pytest.raises(SyncError) as raised:
        org.probe_writes()
    assert raised.value.code.startswith("TEMP-")
