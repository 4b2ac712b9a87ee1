"""``make live``: tries the assumptions of docs/assumptions.md on a real Stripe test account, or says what it would try."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.live.account import TEST_KEY, Live

FOLDER = Path(__file__).parent
PAGE = FOLDER.parents[1] / "docs" / "assumptions.md"
VARIABLE = "STRIPE_TEST_KEY"
ENTRY = re.compile(r"^### (S\d+) (.+?)\n(.+?)(?=^#|\Z)", re.MULTILINE | re.DOTALL)


def assumptions() -> Mapping[str, tuple[str, str, bool]]:
    """By number: what is assumed of Stripe, the calls that settle it, and whether they are made by hand."""
    found = {}
    for number, title, text in ENTRY.findall(PAGE.read_text(encoding="utf-8")):
        settle = re.search(r"^Settle( by hand)?: (.+)$", text, re.MULTILINE)
        assert settle, f"{number} does not say what settles it"
        found[number] = (_plain(title), _plain(settle[2]), bool(settle[1]))
    return found


def tried() -> Mapping[str, list[str]]:
    """By number, the names of the tests that try an assumption."""
    found: dict[str, list[str]] = {}
    for file in sorted(FOLDER.glob("test_*.py")):
        for name, number in re.findall(r"^def (test_s(\d+)_\w+)", file.read_text(encoding="utf-8"), re.MULTILINE):
            found.setdefault(f"S{int(number)}", []).append(name)
    return found


def plan() -> list[str]:
    """What would be called, and what is left to people."""
    known = assumptions()
    lines = [
        f"No {VARIABLE}, so nothing is called. With a key of a Stripe test account (sk_test_ or rk_test_) this would be",
        "tried, on test clocks, and cleared up afterwards:",
        "",
    ]
    for number in sorted(tried(), key=lambda n: int(n[1:])):
        title, calls, _ = known[number]
        lines += [f"{number:4} {title}", f"     {calls}"]
    by_hand = [number for number, (_, _, hand) in known.items() if hand]
    return [*lines, "", f"By hand, see docs/assumptions.md: {', '.join(by_hand)}"]


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """0 when every assumption that was tried holds, or nothing was asked; 2 for a key that is not used."""
    key = environment.get(VARIABLE, "").strip()
    if not key:
        print("\n".join(plan()))
        return 0
    if not TEST_KEY.match(key):
        print(
            f"{VARIABLE} is not the key of a test account: it must begin with sk_test_ or rk_test_. Nothing was called.",
            file=sys.stderr,
        )
        return 2
    return int(pytest.main([str(FOLDER), "-v", "--tb=short", "--show-capture=no", *arguments], plugins=[Live(key)]))


def _plain(text: str) -> str:
    """Markdown as people read it in a terminal."""
    return re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", text.replace("`", ""))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
