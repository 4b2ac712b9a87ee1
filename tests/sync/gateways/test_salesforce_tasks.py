"""Tasks for the owners of Accounts: each once, whatever became of the call before."""

from __future__ import annotations

from typing import Any

from sync.clock import Deadline
from sync.crm import CrmRow
from sync.ports import OutRow
from tests.sync.gateways.crm_seed import make_deal
from tests.sync.gateways.world import World

SHOWN = "Id, Subject, WhatId, OwnerId, Priority, Status, ActivityDate, Description"


def task(what: str, subject: str = "DATA-218 Invoice O'Brien: payment failed - DATA-218:in_1", n: int = 0) -> OutRow:
    fields = {
        "WhatId": what, "Description": "It failed.\n\n@{part0}", "ActivityDate": "2026-03-01",
        "Priority": "High", "Status": "Not Started",
    }  # fmt: skip
    return OutRow(n, CrmRow("Task", "Subject", subject, fields, what, quiet=()), "h", 1, 1)


def account_row(account: str, n: int) -> OutRow:
    return OutRow(n, CrmRow("Account", "Id", account, {"MRR__c": 1}, account), "h", 1, 1)


def tasks(world: World) -> list[dict[str, Any]]:
    return world.query(f"SELECT {SHOWN} FROM Task ORDER BY Subject")


def user(world: World, last: str) -> str:
    return str(world.query(f"SELECT Id FROM User WHERE LastName = '{last}'")[0]["Id"])


def test_the_owner_of_the_account_gets_each_task_once(world: World) -> None:
    rita = user(world, "Rep")
    account = world.make("Account", Name="Acme", OwnerId=rita)
    org = world.org()
    results, _ = org.flush([task(account), account_row(account, 1)], Deadline(30))
    assert {n: (r.ok, r.created) for n, r in results.items()} == {0: (True, False), 1: (True, False)}
    [made] = tasks(world)
    assert (made["OwnerId"], made["WhatId"], made["Priority"]) == (rita, account, "High")
    assert made["Description"].endswith("@{part0}")

    again, _ = org.flush([task(account), task(account, "Another - DATA-225:in_1", 1)], Deadline(30))
    assert again[0].salesforce_id == made["Id"]
    assert [t["Subject"][:8] for t in tasks(world)] == ["Another ", "DATA-218"]
    world.delete("Task", made["Id"])  # who throws it away has read it
    org.flush([task(account)], Deadline(30))
    assert len(tasks(world)) == 1


def test_many_tasks_are_looked_up_and_made_in_few_calls(world: World) -> None:
    account = world.make("Account", Name="Acme")
    org = world.org()
    rows = [task(account, f"{n} {'long ' * 40}- DATA-218:in_{n}", n) for n in range(60)]
    org.organization_id  # noqa: B018 - the log-in is not counted
    before = org.calls
    results, _ = org.flush(rows, Deadline(30))
    assert all(r.ok for r in results.values())
    assert len(tasks(world)) == 60
    assert org.calls - before == 3, "two to look, one to make"
    assert {r.salesforce_id for r in org.flush(rows, Deadline(30))[0].values()} == {t["Id"] for t in tasks(world)}


def test_a_task_of_a_quote_goes_to_the_owner_of_its_account(world: World) -> None:
    deal = make_deal(world)
    rita = user(world, "Rep")
    world.change("Account", deal.account, OwnerId=rita)
    world.org().flush([task(deal.quote)], Deadline(30))
    [made] = tasks(world)
    assert (made["WhatId"], made["OwnerId"]) == (deal.quote, rita)


def test_the_task_of_an_owner_who_left_is_the_integration_s(world: World) -> None:
    rita = user(world, "Rep")
    gone = world.make("Account", Name="Gone", OwnerId=rita)
    here = world.make("Account", Name="Here")
    world.switch("deactivate", {"id": rita})
    results, _ = world.org().flush([task(gone), task(here, "Second - k", 1)], Deadline(30))
    assert all(r.ok for r in results.values())
    assert {t["WhatId"]: t["OwnerId"] for t in tasks(world)} == {
        gone: user(world, "Tandem Integration"),
        here: user(world, "Admin"),
    }


def test_tasks_that_may_not_be_made_hold_up_no_row(world: World) -> None:
    account = world.make("Account", Name="Acme")
    org = world.org()
    assert org.missing_task_rights() == []
    world.switch("settings", {"withheld": ["Task"]})
    assert org.missing_task_rights() == ["Task can't be created (CONF-302): it needs the user permission Edit Tasks"]
    results, _ = org.flush([task(account), account_row(account, 1), task("nonsense", "x", 2)], Deadline(30))
    assert [(results[n].ok, results[n].code) for n in range(3)] == [
        (False, "CONF-302"),
        (True, None),
        (False, "BUG-502"),
    ]
    world.switch("settings", {"withheld": ["Task.Subject"]})
    assert "Task.Subject can't be written (CONF-302)" in org.missing_task_rights()


def test_a_create_whose_answer_was_lost_is_found_and_not_made_again(world: World) -> None:
    account = world.make("Account", Name="Acme")
    org = world.org()
    world.fault(system="salesforce", kind="timeout_after_effect", next=1, match="/composite/sobjects")
    lost, _ = org.flush([task(account)], Deadline(1))
    assert (lost[0].ok, lost[0].unknown, lost[0].transient) == (False, True, True)
    [made] = tasks(world)
    found, _ = org.flush([task(account)], Deadline(30))
    assert (found[0].ok, found[0].salesforce_id) == (True, made["Id"])
    assert len(tasks(world)) == 1
