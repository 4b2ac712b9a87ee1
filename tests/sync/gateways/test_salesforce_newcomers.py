"""Whether an org would have the Accounts that are made for customers of the web site, said before there is one."""

from __future__ import annotations

from sync.desired.new_account import NewAccounts, samples
from tests.sync.gateways.world import World


def faults(world: World, **wishes: object) -> list[str]:
    return list(world.org().faults_of_new(samples(NewAccounts(**wishes))))  # type: ignore[arg-type]


def test_an_org_as_it_comes_has_them(world: World) -> None:
    assert faults(world) == []
    assert faults(world, account_fields={"Industry": "Retail"}, contact_fields={"LeadSource": "Web"}) == []


def test_each_thing_that_stands_in_the_way_is_named_with_its_setting(world: World) -> None:
    types = [{"object": "Account", "name": "Customer"}, {"object": "Account", "name": "Partner"}]
    made = world.switch(
        "features",
        {"required": ["Account.Industry", "Contact.Title"], "record_types": types, "keep_record_types": ["Partner"]},
    )["record_types"]
    missing = [
        "Account.Industry is required of a new Account (DATA-220): SELF_SERVE_ACCOUNT_FIELDS",
        "Contact.Title is required of a new Contact (DATA-220): SELF_SERVE_CONTACT_FIELDS",
    ]
    assert faults(world, record_type=made["Customer"]) == missing
    given = {"account_fields": {"Industry": "Retail"}, "contact_fields": {"Title": "Buyer"}}
    assert faults(world, **given, record_type=made["Customer"][:15]) == []
    kept = f"the record type {made['Partner']} is not one that the integration user may give to an Account (CONF-302)"
    assert faults(world, **given, record_type=made["Partner"]) == [kept]
    assert faults(world, **given | {"account_fields": {"Industry": "Retail", "Shade__c": "red"}}) == [
        "Account.Shade__c can't be given to a new Account (CONF-302)"
    ]
    world.switch("features", {"optional": ["Account.Industry", "Contact.Title"]})
    [first, last, mail] = faults(world, person_accounts=True)
    assert "Account.FirstName" in first
    assert "Account.LastName" in last
    assert "Account.PersonEmail" in mail
    world.switch("features", {"person_accounts": True})
    assert faults(world, person_accounts=True) == []
    world.switch("settings", {"withheld": ["Contact"]})
    [closed] = faults(world)
    assert closed.startswith("Contact can't be created (CONF-302): assign the permission set")


def test_a_wish_that_is_taken_back_is_another_configuration(world: World) -> None:
    org = world.org()
    seen = [org.configuration()]
    for change in (
        {"required": ["Account.Industry"]},
        {"record_types": [{"object": "Account", "name": "Partner"}]},
        {"keep_record_types": ["Partner"]},
    ):
        world.switch("features", change)
        seen.append(org.configuration())
    assert len(set(seen)) == 4
    assert org.configuration() == seen[-1]
