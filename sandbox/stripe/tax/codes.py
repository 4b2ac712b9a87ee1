"""Tax codes of products (https://docs.stripe.com/tax/tax-codes): known here by their shape."""

from __future__ import annotations

import re

from sandbox.stripe.errors import invalid

_CODE = re.compile(r"txcd_\d{8}\Z")
#: Nothing of it is taxed anywhere.
NONTAXABLE = "txcd_00000000"


def check_code(code: str | None, at: str) -> None:
    """Refuse a code that can't be one."""
    if code and not _CODE.match(code):
        raise invalid(f"No such tax code: '{code}'", at, "resource_missing")
