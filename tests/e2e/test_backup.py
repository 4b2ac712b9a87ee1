"""The store as a file: what was sold since is found again and sold no second time, and a wrong file changes nothing."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from sync import wiring
from sync.store import backup
from sync.store.backup import BackupRefused
from sync.store.tables import metadata
from tests.e2e.looks import changes_nothing, quote_row, settled
from tests.e2e.people import sell
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem, writes_of

MONTHLY: dict[str, Any] = {"Term_Months__c": 12, "Billing_Frequency__c": "Monthly"}


def emptied(tandem: Tandem) -> None:
    """The database is as a fresh one that was only connected."""
    with tandem.services.engine.begin() as connection:
        names = ", ".join(f'"{name}"' for name in metadata.tables if name not in ("installation", "audit"))
        connection.execute(text(f"TRUNCATE {names} RESTART IDENTITY"))


def test_a_deal_sold_after_the_backup_is_there_once_after_the_restore(
    world: World, make_tandem: Callable[..., Tandem], tmp_path: Path
) -> None:
    world.at("2026-03-05")
    tandem = make_tandem()
    seat = world.crm.product("Seat", currencies=["USD"])
    payers = [world.crm.create("Account", Name=n, Billing_Email__c=f"ap@{n}.example") for n in ("a", "b")]
    early = sell(world.crm, [(seat, 10, "50.00", {})], account=payers[0], Start_Date__c="2026-03-05", **MONTHLY)
    settled(tandem)
    file = tmp_path / "store.zip"
    made = wiring.backup(tandem.services, file)
    epoch = tandem.services.cursors.installation()[1]

    late = sell(world.crm, [(seat, 3, "70.00", {})], account=payers[1], Start_Date__c="2026-03-05", **MONTHLY)
    settled(tandem)
    world.at("2026-04-05T02:00")
    settled(tandem)
    there = {
        kind: len(world.stripe.all(kind))
        for kind in ("customers", "subscriptions", "subscription_schedules", "invoices", "prices", "products")
    }
    emptied(tandem)
    restored = make_tandem()
    wiring.restore(restored.services, file)

    assert restored.services.cursors.installation()[1] == epoch + 1
    assert make_tandem().services.pipeline.quotes.billing.writer.installation[1] == epoch + 1
    again = make_tandem()
    written = writes_of(world, lambda: settled(again))

    assert [w for w in written if w.startswith("stripe")] == []
    assert {kind: len(world.stripe.all(kind)) for kind in there} == there
    assert {quote_row(world, q)["Billing_Status__c"] for q in (early, late)} == {"Live"}
    assert made.rows["links"] > 0
    found = again.services.links.by_salesforce_id([*payers, early, late])
    assert {link.key for link in found} >= {f"customer:{payers[1]}", f"schedule:{late}", f"schedule:{early}"}
    changes_nothing(again)
    world.at("2026-05-05T02:00")
    settled(again)
    assert len(world.stripe.all("invoices")) == there["invoices"] + 2

    content = b"".join(zipfile.ZipFile(file).read(name) for name in zipfile.ZipFile(file).namelist())
    secrets = [
        world.ready["stripe"]["api_key"],
        world.ready["stripe"]["webhook_secret"],
        world.ready["salesforce"]["client_secret"],
    ]
    assert not [s for s in secrets if s.encode() in content]
    assert file.stat().st_mode & 0o077 == 0
    refused_everywhere(again, file, tmp_path)


def refused_everywhere(tandem: Tandem, file: Path, folder: Path) -> None:
    """Into a store in use, from a damaged file, from another pair of systems, from another schema: nothing is changed."""
    with pytest.raises(BackupRefused, match="in use"):
        wiring.restore(tandem.services, file)
    with pytest.raises(FileExistsError):
        wiring.backup(tandem.services, file)
    emptied(tandem)
    other = changed(file, folder / "other.zip", realm={"salesforce": "00D000000000000AAA"})
    with pytest.raises(BackupRefused, match="CONF-308"):
        wiring.restore(tandem.services, other)
    with pytest.raises(BackupRefused, match="schema 0001"):
        wiring.restore(tandem.services, changed(file, folder / "old.zip", schema="0001"))
    for damage in (b"", b"not a row\n"):
        damaged = changed(file, folder / f"damaged{len(damage)}.zip", links=damage)
        with pytest.raises(BackupRefused, match="damaged"):
            wiring.restore(tandem.services, damaged)
    (folder / "half.zip").write_bytes(file.read_bytes()[:-100])
    with pytest.raises(BackupRefused, match="no backup"):
        wiring.restore(tandem.services, folder / "half.zip")
    with tandem.services.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM links")).scalar_one() == 0


def changed(file: Path, to: Path, *, links: bytes | None = None, **manifest: Any) -> Path:
    """The file, saying something else of itself or with another table of links."""
    with zipfile.ZipFile(file) as source, zipfile.ZipFile(to, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == backup.MANIFEST:
                content = json.dumps({**json.loads(content), **manifest}).encode()
            target.writestr(name, links if links is not None and name == "links.copy" else content)
    return to


def test_every_table_is_in_the_backup_or_left_out_for_a_reason() -> None:
    assert {table.name for table in backup.tables()} | backup.LEFT_OUT == set(metadata.tables)
    assert set(backup.USED) <= {table.name for table in backup.tables()}
