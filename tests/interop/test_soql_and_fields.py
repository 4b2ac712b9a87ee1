"""Every SOQL text that Tandem emits parses for a parser nobody here wrote, and every standard field named anywhere exists."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sync import mapping
from tests.e2e.sandbox import fresh_world
from tests.e2e.tandem import Tandem
from tests.interop.emitted import Emitted, collect, live_a_while
from tests.interop.node import run
from workers.embedded import Servers

ROOT = Path(__file__).parents[2]
CONTRACT = json.loads((ROOT / "tests/contracts/salesforce_standard_fields.json").read_text(encoding="utf-8"))["objects"]
#: Objects whose rows Tandem reads; a run in which one of them is never asked for proves little.
READ = {
    "Quote",
    "QuoteLineItem",
    "Account",
    "Product2",
    "PricebookEntry",
    "Product_Price_Tier__c",
    "Contact",
    "Opportunity",
    "Task",
}
#: What every custom object has besides its own fields; the last one in a multi-currency org, which describe tells.
OF_CUSTOM_OBJECTS = {"Id", "IsDeleted", "Name", "SystemModstamp", "CreatedDate", "LastModifiedDate", "CurrencyIsoCode"}
OBJECTS = ROOT / "salesforce/force-app/main/default/objects"


@pytest.fixture
def emitted(sandbox_process: str, database: str, servers: Servers) -> Emitted:
    """What a Tandem that has lived a while said."""
    with fresh_world(sandbox_process) as world:
        tandem = Tandem(world, database, servers.redis_url, self_serve_accounts="create", owner_tasks=True)
        live_a_while(world, tandem)
        found = collect(world.log())
        tandem.close()
    return found


def test_every_query_parses_and_names_only_fields_that_exist(emitted: Emitted) -> None:
    queries = sorted(emitted.queries)
    verdicts: list[dict[str, Any]] = run("parse.mjs", queries)

    wrong = [f"{v['wrong']}: {q}" for q, v in zip(queries, verdicts, strict=True) if "wrong" in v]
    assert wrong == []
    assert {v["object"] for v in verdicts} >= READ
    missing = [fault for verdict in verdicts for fault in _missing(verdict["object"], verdict)]
    assert sorted(set(missing)) == []


def test_every_standard_field_written_exists(emitted: Emitted) -> None:
    assert {"Account", "Quote", "Billing_Invoice__c"} <= set(emitted.written)
    missing = [f"{o}.{f}" for o, fields in emitted.written.items() for f in fields if not _exists(o, f)]
    assert missing == []


def test_the_parser_refuses_what_salesforce_refuses() -> None:
    broken = [
        "SELECT FROM Account",
        "SELECT Id FROM Account WHERE Name = 'O'Brien'",
        "SELECT Id FROM Account LIMIT ten",
    ]
    assert all("wrong" in verdict for verdict in run("parse.mjs", broken))


def test_every_standard_field_of_the_mappings_exists() -> None:
    mapped = mapping.load(None).objects
    assert READ - set(mapped) == {"Task"}, "only made, never mapped"
    missing = [
        f"{name}.{field.api_name}"
        for name, one in mapped.items()
        for field in one.fields
        if not _exists(name, field.api_name)
    ]
    assert missing == []


def test_every_standard_field_of_the_package_exists() -> None:
    """Permission sets name fields as Object.Field; what our own objects have is in the package itself."""
    named = set()
    for file in (ROOT / "salesforce").rglob("*.permissionset-meta.xml"):
        named |= set(re.findall(r"<field>([A-Za-z]\w*)\.([A-Za-z]\w*)</field>", file.read_text(encoding="utf-8")))
    assert len(named) > 100
    assert [f"{o}.{f}" for o, f in sorted(named) if not _exists(o, f)] == []


def _missing(object_: str, verdict: dict[str, Any]) -> Iterator[str]:
    for path in verdict["fields"]:
        if not _exists(object_, path):
            yield f"{object_}.{path}"
    for child in verdict["children"]:
        target = CONTRACT.get(object_, {}).get("children", {}).get(child["relationship"])
        if target is None:
            yield f"{object_} has no children {child['relationship']}"
        else:
            yield from _missing(target, child)


def _exists(object_: str, path: str) -> bool:
    """Whether a field, also one through parents (``Contact.Email``), is standard and in the contract, or is in the package."""
    first, _, rest = path.partition(".")
    if rest:
        target = _parent(object_, first)
        return target is not None and _exists(target, rest)
    if first.endswith("__r"):
        return _parent(object_, first) is not None
    if first.endswith("__c"):
        return (OBJECTS / object_ / "fields" / f"{first}.field-meta.xml").exists()
    return first in (OF_CUSTOM_OBJECTS if object_.endswith("__c") else CONTRACT[object_]["fields"])


def _parent(object_: str, relationship: str) -> str | None:
    """The object behind ``Contact.`` or ``Product2__r.``; None when there is no such relationship."""
    if not relationship.endswith("__r"):
        found = CONTRACT[object_]["parents"].get(relationship)
        return str(found) if found else None
    lookup = OBJECTS / object_ / "fields" / f"{relationship[:-1]}c.field-meta.xml"
    named = (
        re.search(r"<referenceTo>(\w+)</referenceTo>", lookup.read_text(encoding="utf-8")) if lookup.exists() else None
    )
    return named[1] if named else None
