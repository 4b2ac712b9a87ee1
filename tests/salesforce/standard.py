"""The standard objects' fields, out of the published contract that ``tests/contracts`` holds."""

from __future__ import annotations

import json
from functools import cache

from tests.salesforce.package import REPOSITORY

CONTRACT = REPOSITORY / "tests" / "contracts" / "salesforce_standard_fields.json"


@cache
def standard_fields() -> dict[str, set[str]]:
    """Field names of each standard object; a missing contract is an error, never an empty answer."""
    objects = json.loads(CONTRACT.read_text())["objects"]
    return {name: set(content["fields"]) for name, content in objects.items()}


@cache
def standard_children() -> dict[str, set[str]]:
    """Names of the child relationships that each standard object has of its own."""
    objects = json.loads(CONTRACT.read_text())["objects"]
    return {name: set(content["children"]) for name, content in objects.items()}
