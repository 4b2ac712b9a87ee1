"""Record ids: 15 characters that tell case, and the 18 character form that survives losing it."""

from __future__ import annotations

import random
import re
import string

_BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
_SUFFIX = string.ascii_uppercase + "012345"
_SHAPE = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?\Z")
_POD = "gL"

PREFIXES = {
    "Account": "001",
    "AccountContactRole": "02Z",
    "Asset": "02i",
    "AssetAction": "8Ab",
    "AssetActionSource": "8As",
    "AssetStatePeriod": "8Ap",
    "Contact": "003",
    "Contract": "800",
    "CurrencyType": "01L",
    "DatedConversionRate": "04w",
    "Group": "00G",
    "Lead": "00Q",
    "Opportunity": "006",
    "OpportunityContactRole": "00K",
    "OpportunityLineItem": "00k",
    "Order": "801",
    "OrderItem": "802",
    "Organization": "00D",
    "PermissionSet": "0PS",
    "PermissionSetAssignment": "0Pa",
    "Pricebook2": "01s",
    "PricebookEntry": "01u",
    "Product2": "01t",
    "ProductSellingModel": "0jP",
    "ProductSellingModelOption": "0iO",
    "Profile": "00e",
    "ProrationPolicy": "0mJ",
    "Quote": "0Q0",
    "QuoteLineItem": "0QL",
    "RecordType": "012",
    "Task": "00T",
    "User": "005",
}


def suffix(id15: str) -> str:
    """The three characters that say which of the fifteen are upper case."""
    marks = ""
    for start in (0, 5, 10):
        chunk = id15[start : start + 5]
        marks += _SUFFIX[sum(1 << at for at, char in enumerate(chunk) if "A" <= char <= "Z")]
    return marks


def full_id(text: str) -> str | None:
    """The 18 character form of an id of 15 or 18; ``None`` if the text is no id or its suffix does not fit."""
    if not _SHAPE.match(text):
        return None
    if len(text) == 15:
        return text + suffix(text)
    return text if suffix(text[:15]) == text[15:].upper() else None


class IdMint:
    """Gives out ids that were never given out before in this org."""

    def __init__(self, rng: random.Random) -> None:
        self._next: dict[str, int] = {}
        self._start = rng.randrange(10**6, 10**9)

    def new(self, prefix: str) -> str:
        """The next 18 character id with this key prefix."""
        number = self._next.get(prefix, self._start)
        self._next[prefix] = number + 1
        tail = ""
        while number:
            number, digit = divmod(number, 62)
            tail = _BASE62[digit] + tail
        id15 = f"{prefix}{_POD}0{tail.rjust(9, '0')}"
        return id15 + suffix(id15)
