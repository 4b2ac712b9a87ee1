"""`tandem backfill`, `backup` and `restore`, as people call them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sandbox.serving import Served
from tests.sync.cli.conftest import Tandem, seats, signed
from tests.sync.cli.test_work import writes
from workers.demo.actors import Crm, Stripe


def test_a_backfill_says_first_what_it_takes_then_does_it_then_has_nothing_to_do(
    tandem: Tandem, crm: Crm, sandbox: Served
) -> None:
    crm.create("Account", Name="Birch", Website="https://birch.example", Billing_Email__c="ops@birch.example")
    stripe = Stripe(sandbox.ready)
    stripe.sign_up("Birch", "ops@birch.example", seats=5, card="pm_card_visa")
    stripe.sign_up("Stranger", "me@stranger.example", seats=1, card="pm_card_visa")
    signed(crm, "Acme", seats(crm))

    rehearsed, told = tandem("backfill"), tandem("backfill", "--json").json

    assert rehearsed.code == 0
    assert "2 customers" in rehearsed.out
    assert "nothing was written" in rehearsed.err
    assert told["stripe_writes"] == 0
    assert (writes(sandbox), writes(sandbox, "salesforce")) == (0, 0)

    done = tandem("backfill", "--apply", "--json")
    assert done.code == 0
    assert done.json["complete"] is True
    assert (done.json["found"]["customer"], done.json["adopted"]["customer"]) == (2, 1)
    assert done.json["skipped"] == {"nobody in Salesforce knows them": 1}
    assert done.json["quotes"]["due"] == 1
    assert done.json["rows"]["written"] == done.json["rows"]["expected"] <= told["rows"] + told["accounts"]
    assert writes(sandbox) == 0
    before = writes(sandbox, "salesforce")
    again = tandem("backfill", "--apply")
    assert again.code == 0
    assert " 0 written" in again.out
    assert writes(sandbox, "salesforce") == before


@pytest.mark.parametrize("since", ["yesterday", "2024-01-01"])
def test_a_backfill_since_no_moment_is_refused(tandem: Tandem, since: str) -> None:
    answer = tandem("backfill", "--since", since)
    assert answer.code == 2
    assert "--since" in answer.err


def test_a_backup_is_written_once_and_never_restored_over_a_store_in_use(
    tandem: Tandem, crm: Crm, tmp_path: Path
) -> None:
    signed(crm, "Acme", seats(crm))
    tandem("drain")
    file = tmp_path / "store.zip"

    made = tandem("backup", str(file), "--json")
    assert made.code == 0
    assert made.json["rows"]["promises"] == 1
    second = tandem("backup", str(file))
    assert (second.code, "never overwrites" in second.err) == (2, True)
    into_used = tandem("restore", str(file))
    assert (into_used.code, "in use" in into_used.err) == (2, True)
    assert tandem("restore", str(tmp_path / "none.zip")).code == 3
    assert tandem("backup", str(tmp_path / "no" / "folder.zip")).code == 2
