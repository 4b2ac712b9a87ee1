"""What changed in the org, by keyset on (SystemModstamp, Id), one Composite a page (DESIGN 5, reference: Salesforce,
section 2).

Two edits share a second and rows commit behind a watermark. So each object has two marks: ``at``, where the present pass
goes on, and ``safe``, where the next pass begins: the last row whose stamp was two seconds older than the answer's Date.
Rows after ``safe`` are read again; their content decides, not their stamp.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from sync.errors import Terminal
from sync.gateways.names import Names
from sync.gateways.salesforce_client import Part, SalesforceHttp, checked_id, query_path
from sync.gateways.salesforce_errors import of_call
from sync.gateways.salesforce_reads import Schema
from sync.gateways.salesforce_records import instant, usable
from sync.mapping import FieldMap, Mappings, ObjectMap
from sync.ports import Change, ChangePage

Json = dict[str, Any]
Heat = Literal["hot", "cold"]

OBJECTS: Mapping[Heat, tuple[str, ...]] = {
    "hot": ("Quote", "QuoteLineItem", "Account"),
    "cold": ("Product2", "PricebookEntry", "Product_Price_Tier__c", "Contact", "Opportunity"),
}
#: What of an Account a customer is known by, as attributes of the mappings.
PAYER_BY = frozenset({"billing_email", "person_email", "stripe_customer_id"})
#: Rows of one object in one page; Salesforce may give fewer.
PAGE = 2000
#: A stamp younger than this, by Salesforce's clock, may still get more rows.
SETTLED = timedelta(seconds=2)


class Changes:
    """The change source of one org."""

    def __init__(self, http: SalesforceHttp, mappings: Mappings, names: Names, schema: Schema) -> None:
        self._http = http
        self._mappings = mappings
        self._names = names
        self._schema = schema

    def read(self, heat: Heat, cursor: Mapping[str, object] | None) -> ChangePage:
        """The next page; without a cursor from the very first record on. ``more`` is false when every object's head was
        reached.
        """
        marks = {name: Marks.parse((cursor or {}).get(name)) for name in OBJECTS[heat]}
        fields = {name: self._fields(self._mappings[name]) for name in marks}
        parts = [
            Part("GET", query_path(self._soql(name, fields[name], mark.start), deleted=True), what=name)
            for name, mark in marks.items()
        ]
        answer = self._http.composite(parts)
        changes: list[Change] = []
        following: dict[str, object] = {}
        more = False
        for part, one in zip(parts, answer.parts, strict=True):
            if not one.ok or not isinstance(one.body, dict):
                raise of_call(one.status, one.body, what=part.what, writing=False)
            rows = one.body.get("records", [])
            goes_on = len(rows) >= PAGE or not one.body.get("done", True)
            changes += [self._change(part.what, row, fields[part.what]) for row in rows]
            following[part.what] = marks[part.what].after(rows, answer.at, goes_on=goes_on).as_json()
            more = more or goes_on
        return ChangePage(tuple(changes), following, more=more)

    def _fields(self, mapped: ObjectMap) -> tuple[FieldMap, ...]:
        wanted = [f for f in mapped.fields if f.input or f.related or f.awaited]
        available = self._schema.has(mapped.api_name) if any(f.optional for f in wanted) else None
        return tuple(f for f in wanted if usable(f, available, self._names))

    def _soql(self, object_: str, fields: Sequence[FieldMap], start: tuple[str, str] | None) -> str:
        columns = dict.fromkeys(
            ["Id", "SystemModstamp", "IsDeleted", *(self._names.to_org(f.api_name) for f in fields)]
        )
        where = ""
        if start is not None:
            stamp, last_id = literal(start[0]), start[1]
            later = f"SystemModstamp > {stamp}"
            where = (
                f" WHERE {later} OR (SystemModstamp = {stamp} AND Id > '{checked_id(last_id)}')"
                if last_id
                else f" WHERE {later}"
            )
        table = self._names.to_org(object_)
        return f"SELECT {', '.join(columns)} FROM {table}{where} ORDER BY SystemModstamp, Id LIMIT {PAGE}"

    def _change(self, object_: str, row: Json, fields: Sequence[FieldMap]) -> Change:
        values = {f: _at(row, self._names.to_org(f.api_name)) for f in fields}
        related = {f.related: str(v) for f, v in values.items() if f.related and v is not None}
        inputs = {f.api_name: v for f, v in values.items() if f.input}
        awaited = {f.api_name: v for f, v in values.items() if f.awaited}
        return Change(
            object=object_,
            id=str(row["Id"]),
            stamp=str(row["SystemModstamp"]),
            digest=_digest(inputs),
            related=related,
            deleted=bool(row.get("IsDeleted")),
            awaited=_digest(awaited) if awaited else "",
            payer_by=tuple(str(v).strip() for f, v in values.items() if f.attribute in PAYER_BY and v)
            if object_ == "Account"
            else (),
        )


class Marks:
    """Where an object's reading stands: (stamp, id) of a row, or None for the beginning."""

    def __init__(self, safe: tuple[str, str] | None, at: tuple[str, str] | None) -> None:
        self.safe = safe
        self.at = at

    @property
    def start(self) -> tuple[str, str] | None:
        """After which row the next page begins."""
        return self.at or self.safe

    @classmethod
    def parse(cls, value: object) -> Marks:
        """From a stored cursor; a damaged one is BUG-502, never a silent new beginning."""
        if value is None:
            return cls(None, None)
        if not isinstance(value, Mapping):
            raise Terminal("BUG-502", "A stored cursor of Salesforce changes is damaged.")
        return cls(_mark(value.get("safe")), _mark(value.get("at")))

    def after(self, rows: Sequence[Json], answered_at: datetime | None, *, goes_on: bool) -> Marks:
        """The marks after these rows, which Salesforce gave at ``answered_at`` by its own clock."""
        safe = self.safe
        if rows:
            newest = answered_at or instant(str(rows[-1]["SystemModstamp"]))
            settled = [r for r in rows if instant(str(r["SystemModstamp"])) <= newest - SETTLED]
            safe = _mark_of(settled[-1]) if settled else safe
        return Marks(safe, _mark_of(rows[-1]) if goes_on and rows else None)

    def as_json(self) -> dict[str, object]:
        """What is stored."""
        return {"safe": list(self.safe) if self.safe else None, "at": list(self.at) if self.at else None}


def rewound(cursor: Mapping[str, object] | None, seconds: int) -> dict[str, object]:
    """A cursor whose next pass begins ``seconds`` earlier: the overlap that catches rows committed behind the watermark."""
    earlier: dict[str, object] = {}
    for name, value in (cursor or {}).items():
        marks = Marks.parse(value)
        if marks.safe is not None:
            stamp = instant(marks.safe[0]) - timedelta(seconds=seconds)
            marks = Marks((stamp.isoformat(timespec="milliseconds"), ""), None)
        earlier[name] = marks.as_json()
    return earlier


def literal(stamp: str) -> str:
    """A stamp as a SOQL datetime literal in UTC."""
    return instant(stamp).astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def canonical(value: object) -> object:
    """A value in one spelling: 12, 12.0 and 1.2E1 are the same input."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, (int, Decimal)):
        number = Decimal(value)
        return format(number.quantize(Decimal(1)) if number == number.to_integral_value() else number.normalize(), "f")
    return str(value)


def _digest(values: Mapping[str, object]) -> str:
    parts = [[name, canonical(value)] for name, value in values.items()]
    return hashlib.sha256(json.dumps(parts, ensure_ascii=True).encode()).hexdigest()


def _mark(value: object) -> tuple[str, str] | None:
    if value is None:
        return None
    if isinstance(value, (list, tuple)) and len(value) == 2 and all(isinstance(v, str) for v in value):
        return value[0], value[1]
    raise Terminal("BUG-502", "A stored cursor of Salesforce changes is damaged.")


def _mark_of(row: Json) -> tuple[str, str]:
    return str(row["SystemModstamp"]), checked_id(str(row["Id"]))


def _at(row: Json, path: str) -> object:
    value: object = row
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value
