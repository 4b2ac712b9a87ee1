"""WHAT corresponds to what: the files of ``mappings/``, loaded and checked as a whole (DESIGN 2).

One file an object, one line a field: its API name without namespace, the attribute of our typed record, its type, its
one owner, and whether a change of it matters. SELECT lists, change digests, written fields and the permission check
derive from here. A folder named by ``TANDEM_MAPPINGS`` replaces files by name. What `from:` and `to:` name in Stripe is
held against the SDK's types by `sync.gateways.stripe_shapes`.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import re
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Literal

from ruamel.yaml.nodes import Node, ScalarNode

from sync import crm
from sync.ends import source_faults, target_faults, too_many
from sync.yaml_nodes import TAG, FileFault, YamlNodes

#: Who decides what stands in a field: people in the CRM, Tandem, or people in Stripe (shown in the CRM by Tandem).
Owner = Literal["crm", "tandem", "stripe"]

#: Types of a mapping and what they are in Python. Money and percent are decimals in major units; 10 = 10 %.
TYPES: Mapping[str, type] = {
    "text": str,
    "id": str,
    "picklist": str,
    "date": date,
    "datetime": datetime,
    "decimal": Decimal,
    "money": Decimal,
    "percent": Decimal,
    "integer": int,
    "boolean": bool,
}
#: Records of `sync.crm` that a mapping may fill.
RECORDS: Mapping[str, type] = {
    t.__name__: t for t in (crm.CrmQuote, crm.CrmQuoteLine, crm.CrmAccount, crm.CrmProduct, crm.CrmTier)
}
#: What a text field holds whose line says nothing: what Salesforce's Text fields hold at most.
TEXT_LENGTH = 255
_FILE_KEYS = {"object", "record", "fields"}
_FIELD_KEYS = {
    "as",
    "type",
    "owner",
    "input",
    "related",
    "optional",
    "cleared",
    "awaited",
    "length",
    "for",
    "from",
    "to",
}
OWNERS: tuple[Owner, ...] = typing.get_args(Owner)
#: What Salesforce takes as the name of a field, or of one that is reached through a lookup.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)*\Z")
#: Fields that our own writing changes, so that it would count as a change to be acted on.
_STAMPS = frozenset({"systemmodstamp", "lastmodifieddate", "lastmodifiedbyid", "lastvieweddate", "lastreferenceddate"})
_FLAGS = ("input", "optional", "cleared", "awaited")


class MappingFaults(Exception):
    """The mappings can't be used; every fault at once. Commands exit 2."""

    def __init__(self, faults: Iterable[FileFault]) -> None:
        self.faults = tuple(sorted(faults))
        super().__init__("\n".join(str(f) for f in self.faults))


@dataclass(frozen=True)
class FieldMap:
    """One field. ``api_name`` may go through a parent (``Contact.Email``); ``name`` is what our code calls a field that
    it writes.
    """

    api_name: str
    name: str
    attribute: str | None
    type: str
    owner: Owner
    input: bool = False
    related: str | None = None
    optional: bool = False
    cleared: bool = False  # the rep's, but emptied by us once answered
    awaited: bool = False  # ours, and a person's to correct: who waits for the record looks again
    source: str | None = None  # what of Stripe fills it: customer.name, product.metadata.region
    target: str | None = None  # where in Stripe it is sent: customer.metadata.region
    length: int | None = None  # of text that is filled from Stripe: longer text is cut
    line: int = 0

    @property
    def is_read(self) -> bool:
        """Whether we read it: what a deal rests on, or what is sent to Stripe. Others are only filled."""
        return bool(self.attribute or self.target or self.input or self.related)

    @property
    def longest(self) -> int | None:
        """How much text the field takes where we fill it from Stripe; None where nothing is cut."""
        return (self.length or TEXT_LENGTH) if self.source and self.type == "text" else None

    @property
    def written(self) -> bool:
        """Whether we may write it."""
        return "." not in self.api_name and (self.owner != "crm" or self.cleared)


@dataclass(frozen=True)
class ObjectMap:
    """One CRM object with its fields in the order of the file."""

    api_name: str
    record: type | None
    fields: tuple[FieldMap, ...]
    file: str

    def read_fields(self) -> tuple[FieldMap, ...]:
        """The fields that fill the typed record: its attributes, and what of it is sent to Stripe."""
        return tuple(f for f in self.fields if f.attribute or f.target)

    def sent(self) -> tuple[FieldMap, ...]:
        """The fields that are sent to Stripe."""
        return tuple(f for f in self.fields if f.target)

    def filled(self) -> Mapping[str, str]:
        """What of Stripe fills which field, by API name."""
        return {f.api_name: f.source for f in self.fields if f.source}

    def longest(self) -> Mapping[str, int]:
        """How much text the fields take that Stripe fills, by API name."""
        return {f.api_name: f.longest for f in self.fields if f.longest is not None}

    def inputs(self) -> tuple[FieldMap, ...]:
        """The fields whose change matters."""
        return tuple(f for f in self.fields if f.input)

    def related(self) -> tuple[FieldMap, ...]:
        """The fields that are told together with a change."""
        return tuple(f for f in self.fields if f.related)

    def written(self) -> Mapping[str, FieldMap]:
        """The fields that we write, by our name for them."""
        return {f.name: f for f in self.fields if f.written}


@dataclass(frozen=True)
class Mappings:
    """Every object map by API name (without namespace)."""

    objects: Mapping[str, ObjectMap] = field(default_factory=dict)

    def __getitem__(self, api_name: str) -> ObjectMap:
        return self.objects[api_name]

    def custom_fields(self) -> Iterator[tuple[str, FieldMap]]:
        """(object, field) of every mapped field of the package, for the permission check."""
        for name, one in self.objects.items():
            yield from ((name, f) for f in one.fields if "." not in f.api_name and f.api_name.endswith("__c"))


def load(override: Path | None = None, *, folder: Path | None = None) -> Mappings:
    """The mappings in use: those of the product, files of ``override`` in place of files of the same name. Raises
    MappingFaults with every fault of every file.
    """
    return _builtin() if override is None and folder is None else _load(override, folder or builtin())


@functools.cache
def _builtin() -> Mappings:
    """The product's own mappings: read once in a process, as its code is."""
    return _load(None, builtin())


def _load(override: Path | None, folder: Path) -> Mappings:
    files = {p.name: p for p in sorted(folder.glob("*.yaml"))}
    faults: list[FileFault] = []
    if override is not None:
        faults += _override(files, override)
    objects = [o for path in files.values() if (o := _File(path, faults).read()) is not None]
    faults += _across(objects)
    if override is not None:
        shipped = (_builtin() if folder == builtin() else _load(None, folder)).objects
        theirs = [one for one in objects if Path(one.file).parent == override]
        faults += [f for one in theirs for f in (*_left_out(one, shipped), *_idle(one, shipped))]
    if faults:
        raise MappingFaults(faults)
    return Mappings({o.api_name: o for o in objects})


def builtin() -> Path:
    """The folder of the product's own mappings: beside the packages in a clone, inside this one in the wheel."""
    packaged = Path(__file__).parent / "mappings"
    return packaged if packaged.is_dir() else Path(__file__).parent.parent / "mappings"


def _override(files: dict[str, Path], folder: Path) -> list[FileFault]:
    if not folder.is_dir():
        return [FileFault(str(folder), 0, "TANDEM_MAPPINGS names a folder that is not there")]
    faults = []
    for path in sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")]):
        if path.name in files:
            files[path.name] = path
        else:
            known = ", ".join(sorted(files))
            faults.append(FileFault(str(path), 0, f"replaces no mapping; the names are {known}"))
    return faults


def _across(objects: list[ObjectMap]) -> list[FileFault]:
    """Faults between files: an object mapped twice would give its fields two owners."""
    faults, seen = [], dict[str, str]()
    for one in objects:
        if first := seen.get(one.api_name):
            faults.append(FileFault(one.file, 0, f"{one.api_name} is mapped in {first} already; a field has one owner"))
        seen.setdefault(one.api_name, one.file)
    return faults


def _left_out(one: ObjectMap, shipped: Mapping[str, ObjectMap]) -> list[FileFault]:
    """What people fill and this file says nothing of: a copy of an earlier release would leave out, unsaid, what decides money.
    What only Tandem fills may be left out; then it is not shown.
    """
    there = shipped.get(one.api_name)
    if there is None:
        return [FileFault(one.file, 0, f"{one.api_name} is no object of Tandem's own mappings")]
    filled = {f.attribute for f in one.fields}
    theirs = (f for f in there.fields if f.attribute and (f.owner != "tandem" or f.awaited))
    lost = [f.api_name for f in theirs if f.attribute not in filled]
    words = "is read by this release, and no line says where it is: take it over from the file that this one replaces"
    return [FileFault(one.file, 0, f"{name} {words}") for name in lost]


def _idle(one: ObjectMap, shipped: Mapping[str, ObjectMap]) -> list[FileFault]:
    """Fields of Tandem's own that nothing would ever fill, as a name mistyped leaves them."""
    ours = shipped[one.api_name].written() if one.api_name in shipped else {}
    known = {plain(name) for name in ours}
    found = []
    for f in one.fields:
        if f.owner == "tandem" and f.written and not f.source and plain(f.name) not in known:
            near = difflib.get_close_matches(f.name, ours, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            words = "is Tandem's, and nothing fills it: say what of Stripe does (from), or for which of Tandem's own it stands (for)"
            found.append(FileFault(one.file, f.line, f"{f.api_name} {words}{hint}"))
    return found


class _File(YamlNodes):
    """Reads one file; what is wrong goes to ``faults`` with its line."""

    def read(self) -> ObjectMap | None:
        before = len(self._faults)
        root = self._parse()
        top = self._members(root, "the file") if root is not None else None
        if top is None:
            return None
        self._known(top, _FILE_KEYS)
        api_name = self._text(top, "object", self._line(root))
        record = self._record(top)
        body = self._members(top["fields"], "fields") if "fields" in top else None
        if body is None:
            self._fault(self._line(root), "fields are missing")
            return None
        fields = tuple(f for name, node in body.items() if (f := self._field(name, node, record)) is not None)
        if api_name != "Quote":  # what is sent of a quote is what was signed; all else is sent when it changes
            fields = tuple(dataclasses.replace(f, input=True) if f.target else f for f in fields)
        self._whole(fields, record, self._line(root))
        for one in fields:
            self._ends(one, api_name or "", record)
        for what in too_many(f.target for f in fields if f.target):
            self._fault(self._line(root), what)
        return ObjectMap(api_name or "", record, fields, str(self._path)) if len(self._faults) == before else None

    def _field(self, api_name: str, node: Node, record: type | None) -> FieldMap | None:
        line = self._line(node)
        members = self._members(node, api_name)
        if members is None:
            return None
        self._known(members, _FIELD_KEYS)
        type_ = self._one_of(members, "type", TYPES, line, api_name)
        owner = self._one_of(members, "owner", OWNERS, line, api_name)
        flags = {name: self._flag(members, name) for name in _FLAGS}
        attribute = self._text(members, "as", line) if "as" in members else None
        if attribute is not None:
            self._attribute(attribute, type_, record, line, api_name)
        if not _NAME.match(api_name):
            words = "is no name of a field: letters, digits and underscores, and a dot behind each lookup"
            self._fault(line, f"{api_name!r} {words}")
        if api_name.lower() in _STAMPS and (flags["input"] or "to" in members):
            self._fault(line, f"{api_name} changes with our own writing, which must not count as a change (input, to)")
        if owner in ("tandem", "stripe") and flags["input"]:
            self._fault(line, f"{api_name} is ours: our own writing must not count as a change (input)")
        if flags["awaited"] and owner != "tandem":
            self._fault(line, f"{api_name}: awaited is for a field of ours that people may correct (owner: tandem)")
        if "." in api_name and owner in ("tandem", "stripe"):
            self._fault(line, f"{api_name} belongs to another record; ours to write are fields of the object itself")
        return FieldMap(
            api_name=api_name,
            name=(self._text(members, "for", line) or api_name) if "for" in members else api_name,
            attribute=attribute,
            type=type_,
            owner=typing.cast("Owner", owner),
            related=self._text(members, "related", line) if "related" in members else None,
            source=self._text(members, "from", line) if "from" in members else None,
            target=self._text(members, "to", line) if "to" in members else None,
            length=self._length(members, api_name),
            line=line,
            **flags,
        )

    def _length(self, members: Mapping[str, Node], api_name: str) -> int | None:
        if "length" not in members:
            return None
        node = members["length"]
        text = str(node.value) if isinstance(node, ScalarNode) and node.tag == f"{TAG}int" else ""
        if not text.isdecimal() or int(text) < 1:
            self._fault(self._line(node), f"{api_name}: length must be a whole number of characters, 1 or more")
            return None
        return int(text)

    def _ends(self, one: FieldMap, api_name: str, record: type | None) -> None:
        """Faults of where a field leads in Stripe, as far as words and owners go."""
        found = []
        if one.source:
            found += source_faults(one.source, api_name)
            if one.owner == "crm" or (one.attribute and one.owner != "stripe"):
                found.append("what is filled from Stripe is ours or Stripe's (owner: tandem or stripe) and no input")
        elif one.owner == "stripe":
            found.append("owner is stripe, so the line says what of Stripe fills it (from)")
        if one.target:
            found += target_faults(one.target, api_name)
            if one.owner != "crm" or one.source:
                found.append("what is sent to Stripe is the CRM's own (owner: crm), so that it has one owner")
            if record is None:
                found.append("to needs a record that carries it")
        if one.length is not None and one.longest is None:
            found.append("length is for text that is filled from Stripe (from)")
        for what in found:
            self._fault(one.line, f"{one.api_name}: {what}")

    def _attribute(self, attribute: str, type_: str, record: type | None, line: int, api_name: str) -> None:
        if record is None:
            self._fault(line, f"{api_name}: as is given but the file names no record")
            return
        hints = typing.get_type_hints(record)
        if attribute not in hints:
            self._fault(line, f"{api_name}: {record.__name__} has no attribute {attribute}")
        elif type_ in TYPES and TYPES[type_] not in (typing.get_args(hints[attribute]) or (hints[attribute],)):
            wanted = " or ".join(
                t.__name__ for t in (typing.get_args(hints[attribute]) or (hints[attribute],)) if t is not type(None)
            )
            self._fault(line, f"{api_name}: type {type_} does not fit {record.__name__}.{attribute}, which is {wanted}")

    def _whole(self, fields: tuple[FieldMap, ...], record: type | None, line: int) -> None:
        """Faults of the fields together: attributes filled twice or not at all, names written twice."""
        for kind, values in (
            ("attribute", [(f.attribute, f) for f in fields if f.attribute]),
            ("field", [(f.name, f) for f in fields]),
            ("place in Stripe", [(f.target, f) for f in fields if f.target]),
            ("field, whatever its case,", [(f.api_name.lower(), f) for f in fields if f.api_name == f.name]),
            ("name", [(plain(f.name), f) for f in fields if f.written]),
        ):
            seen: set[str | None] = set()
            for value, one in values:
                if value in seen:
                    self._fault(one.line, f"{one.api_name}: another line fills the {kind} {value}")
                seen.add(value)
        if record is None:
            return
        filled = {f.attribute for f in fields}
        for a in dataclasses.fields(record):
            if a.default is dataclasses.MISSING and a.default_factory is dataclasses.MISSING and a.name not in filled:
                self._fault(line, f"no field fills {record.__name__}.{a.name}")

    def _record(self, top: Mapping[str, Node]) -> type | None:
        if "record" not in top:
            return None
        name = self._one_of(top, "record", RECORDS, self._line(top["record"]), "record")
        return RECORDS.get(name)

    def _one_of(self, members: Mapping[str, Node], key: str, options: Iterable[str], line: int, of: str) -> str:
        value = self._text(members, key, line)
        if value is not None and value not in options:
            self._fault(self._line(members[key]), f"{of}: {key} {value!r} is none of {', '.join(options)}")
        return value or ""

    def _flag(self, members: Mapping[str, Node], key: str) -> bool:
        if key not in members:
            return False
        node = members[key]
        if not isinstance(node, ScalarNode) or node.tag != f"{TAG}bool":
            self._fault(self._line(node), f"{key} must be true or false")
            return False
        return str(node.value).lower() == "true"


def plain(api_name: str) -> str:
    """The name by which our records know a field that they fill: ``open_balance`` of ``Open_Balance__c``."""
    return api_name.removesuffix("__c").lower()
