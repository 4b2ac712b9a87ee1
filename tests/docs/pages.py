"""The pages of the documentation, and what can be found in them."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = (ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md")))

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def named(page: Path) -> str:
    """How a page is called in a failure."""
    return str(page.relative_to(ROOT))


def blocks(page: Path, language: str) -> list[str]:
    """The contents of the fenced blocks of a language, in order."""
    return [body for found, body in _FENCE.findall(text_of(page)) if found == language]


def code_of(page: Path) -> list[str]:
    """Every piece of code: inline spans, and each line of fenced or indented blocks."""
    text = text_of(page)
    fenced = [line for _, body in _FENCE.findall(text) for line in body.splitlines()]
    rest = _FENCE.sub("", text)
    indented = [line.strip() for line in rest.splitlines() if line.startswith("    ")]
    return [*fenced, *indented, *_CODE.findall(rest)]


def without_code(page: Path) -> str:
    """The text of a page without its fenced blocks."""
    return _FENCE.sub("", text_of(page))


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as the usual viewers make them."""
    headings = re.findall(r"^#+ (.+)$", without_code(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).strip().replace(" ", "-") for h in headings}


def between(text: str, name: str) -> str:
    """What stands between the two marks of a generated part."""
    found = re.search(rf"<!-- {name}: begin[^>]*-->\n(.*?)<!-- {name}: end -->", text, re.DOTALL)
    assert found, f"no generated part {name!r}"
    return found[1]
