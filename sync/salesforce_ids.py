"""Ids of Salesforce as people copy them: 15 characters from a report or an address, 18 from an API. Pure."""

from __future__ import annotations

import re

SALESFORCE_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?")
_SUFFIXES = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


class NoId(ValueError):
    """The name looks like an id and is none; the words say why."""


def full_id(text: str) -> str:
    """A 15-character Salesforce id with the three that make it whole; anything else unchanged. NoId for a mistyped one.

    Each of the three stands for five characters: bit n is set where the n-th of them is a capital (Salesforce, "18-character IDs").
    """
    if not SALESFORCE_ID.fullmatch(text):
        return text
    blocks = (text[i : i + 5] for i in (0, 5, 10))
    whole = text[:15] + "".join(_SUFFIXES[sum(1 << n for n, c in enumerate(block) if c.isupper())] for block in blocks)
    if len(text) == 18 and text != whole:
        raise NoId(f"{text} is no id of Salesforce: its last three characters don't fit the others.")
    return whole
