"""The generated parts of the documentation. `python -m tests.docs.generated` writes them; a test says when that is due."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from sync.catalogue import CATALOGUE, Entry, Kind
from tests.docs.pages import DOCS, ROOT

ERRORS = DOCS / "errors.md"
BEGIN = "<!-- codes: begin (written by `python -m tests.docs.generated`) -->\n"
END = "<!-- codes: end -->"
CODE = re.compile(r"\b(?:DATA|CONF|TEMP|BUG)-\d{3}\b")
KINDS = {Kind.DATA: "data", Kind.CONFIGURATION: "configuration", Kind.TRANSIENT: "passes", Kind.BUG: "stop"}
#: Who a role of the catalogue is.
ROLES = {
    "rep": "rep",
    "ops": "billing team",
    "owner": "account owner",
    "admin": "Salesforce admin",
    "catalogue": "who keeps the products",
    "sre": "operator",
    "finance": "finance",
}


@cache
def used_codes() -> frozenset[str]:
    """Codes that some code of this release gives out; the catalogue itself, the command line and the demo do not count."""
    words = (ROOT / "sync" / "catalogue.py", ROOT / "sync" / "headlines.py")
    skipped = (*words, ROOT / "sync" / "cli", ROOT / "workers" / "demo")
    sources = [p for folder in ("sync", "workers") for p in (ROOT / folder).rglob("*.py")]
    ours = [p for p in sources if not any(p == s or s in p.parents for s in skipped)]
    return frozenset(code for path in ours for text in _strings(path) for code in CODE.findall(text))


def error_table() -> str:
    """Every code of the catalogue as a row."""
    used = used_codes()
    head = "| code | kind | what it says | first to act, then also | what to do |\n|---|---|---|---|---|\n"
    return head + "".join(_row(entry, entry.code in used) for entry in CATALOGUE.values())


def write() -> None:
    """The page holds the table as it is now."""
    before, mark, rest = ERRORS.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    assert mark, f"{ERRORS} has no place for the table"
    assert end, f"{ERRORS} does not say where the table ends"
    ERRORS.write_text(before + mark + error_table() + end + after, encoding="utf-8")


def _row(entry: Entry, used: bool) -> str:
    told = ", ".join(ROLES[role] for role in entry.told) or "nobody"
    name = f"[{entry.code}](#{entry.code.lower()})" + ("" if used else " (reserved)")
    return f"| {name} | {KINDS[entry.kind]} | {entry.headline} | {told} | {entry.fix} |\n"


def _strings(path: Path) -> Iterator[str]:
    """The texts in a module that are not documentation."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documentation = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            yield node.value


if __name__ == "__main__":
    write()
