"""Which two letters are a country: those of ISO 3166, which Stripe takes in an address."""

from __future__ import annotations

import functools
from importlib.resources import files


@functools.cache
def countries() -> frozenset[str]:
    """Every country by its two letters, as the time zone data that is installed with us lists them."""
    text = files("tzdata").joinpath("zoneinfo/iso3166.tab").read_text(encoding="utf-8")
    return frozenset(line.split("\t")[0] for line in text.splitlines() if line and not line.startswith("#"))
