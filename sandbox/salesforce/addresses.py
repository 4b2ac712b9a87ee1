"""State and country picklists (https://help.salesforce.com/s/articleView?id=sf.admin_state_country_picklists_overview.htm).

Where the org has them, the text of a country or state has to be one of the list, the code is filled from the text and the
text from the code. The administrator chooses what the list has: this org does business in a few countries.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.salesforce.errors import SalesforceError
from sandbox.salesforce.store import Row

if TYPE_CHECKING:
    from sandbox.salesforce.schema import Entity

COUNTRIES = {
    "AT": "Austria", "AU": "Australia", "CA": "Canada", "CH": "Switzerland", "DE": "Germany", "ES": "Spain", "FR": "France",
    "GB": "United Kingdom", "IE": "Ireland", "IN": "India", "IT": "Italy", "JP": "Japan", "NL": "Netherlands", "US": "United States",
}  # fmt: skip
STATES = {
    "US": {"CA": "California", "MA": "Massachusetts", "NY": "New York", "TX": "Texas", "WA": "Washington"},
    "CA": {"BC": "British Columbia", "ON": "Ontario", "QC": "Quebec"},
}
STATE_CODES = tuple(sorted({code for found in STATES.values() for code in found}))


def fill(entity: Entity, row: Row) -> None:
    """Each address has its texts and codes; refuses what the lists don't have."""
    for name in entity.fields:
        if name.endswith("CountryCode"):
            _one(name.removesuffix("CountryCode"), row)


def _one(kind: str, row: Row) -> None:
    country = _settled(row, f"{kind}Country", COUNTRIES, "country")
    if row.get(f"{kind}State") is None and row.get(f"{kind}StateCode") is None:
        return
    if country is None:
        raise _problem("state", f"{kind}State", "select a country/territory before specifying a state value")
    _settled(row, f"{kind}State", STATES.get(country, {}), "state")


def _settled(row: Row, name: str, listed: dict[str, str], what: str) -> str | None:
    """The code, once text and code agree; None where neither is there."""
    text, code = row.get(name), row.get(f"{name}Code")
    if text is None and code is None:
        return None
    by_text = {label.lower(): found for found, label in listed.items()}
    found = by_text.get(str(text).lower()) if text is not None else str(code).upper()
    if found not in listed:
        raise _problem(
            what, name if text is not None else f"{name}Code", f"select a {what} from the list of valid ones"
        )
    row[name], row[f"{name}Code"] = listed[found], found
    return found


def _problem(what: str, field: str, advice: str) -> SalesforceError:
    text = f"There's a problem with this {what}, even though it may appear correct. Please {advice}.: {field}"
    return SalesforceError("FIELD_INTEGRITY_EXCEPTION", text, [field])
