"""Reads the Salesforce package as files: every field, object and permission set, nothing interpreted."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from lxml import etree

REPOSITORY = Path(__file__).resolve().parents[2]
SOURCE = REPOSITORY / "salesforce" / "force-app" / "main" / "default"
NAMESPACE = "http://soap.sforce.com/2006/04/metadata"


@dataclass(frozen=True)
class Field:
    """One custom field as its file states it; a number that the file leaves out is None."""

    object_name: str
    name: str
    type: str
    label: str
    help_text: str
    description: str = ""
    required: bool = False
    length: int | None = None
    precision: int | None = None
    scale: int | None = None
    visible_lines: int | None = None
    values: tuple[str, ...] = ()
    restricted: bool = False
    external_id: bool = False
    unique: bool = False
    case_sensitive: bool = False
    default: str | None = None
    refers_to: str | None = None
    relationship_name: str | None = None
    relationship_label: str | None = None
    delete_constraint: str | None = None
    reparentable: bool = False
    write_requires_master_read: bool = False
    formula: str | None = None

    @property
    def api_name(self) -> str:
        """``Object.Field__c``, as permission sets write it."""
        return f"{self.object_name}.{self.name}"


@dataclass(frozen=True)
class CustomObject:
    """One object of our own, without its fields."""

    name: str
    label: str
    plural_label: str
    description: str
    sharing_model: str
    name_field_type: str


@dataclass(frozen=True)
class PermissionSet:
    """What one permission set grants: fields as name to editable, objects as name to the set of granted rights."""

    name: str
    label: str
    description: str
    fields: dict[str, bool] = field(default_factory=dict)
    unreadable: tuple[str, ...] = ()
    repeated: tuple[str, ...] = ()
    objects: dict[str, frozenset[str]] = field(default_factory=dict)
    tabs: tuple[str, ...] = ()
    applications: tuple[str, ...] = ()
    custom_permissions: tuple[str, ...] = ()
    user_permissions: tuple[str, ...] = ()


def sources(pattern: str = "**/*-meta.xml") -> list[Path]:
    """Every metadata file that matches, in a stable order; finding none is a failure of the test that asked."""
    found = sorted(SOURCE.glob(pattern))
    assert found, f"no file under {SOURCE} matches {pattern}"
    return found


@cache
def package_fields() -> dict[str, Field]:
    """All custom fields by ``Object.Field__c``."""
    fields = [read_field(path) for path in sources("objects/*/fields/*.field-meta.xml")]
    return {item.api_name: item for item in fields}


@cache
def package_objects() -> dict[str, CustomObject]:
    """All objects of our own by API name."""
    objects = [read_object(path) for path in sources("objects/*/*.object-meta.xml")]
    return {item.name: item for item in objects}


@cache
def permission_sets() -> dict[str, PermissionSet]:
    """All permission sets by API name."""
    sets = [read_permission_set(path) for path in sources("permissionsets/*.permissionset-meta.xml")]
    return {item.name: item for item in sets}


def read_field(path: Path) -> Field:
    """The field of one ``.field-meta.xml``; object and name come from the path."""
    root = etree.parse(path).getroot()
    return Field(
        object_name=path.parent.parent.name,
        name=path.name.removesuffix(".field-meta.xml"),
        type=text(root, "type") or "",
        label=text(root, "label") or "",
        help_text=text(root, "inlineHelpText") or "",
        description=text(root, "description") or "",
        required=flag(root, "required"),
        length=number(root, "length"),
        precision=number(root, "precision"),
        scale=number(root, "scale"),
        visible_lines=number(root, "visibleLines"),
        values=tuple(element.text for element in root.findall(".//{*}valueSetDefinition/{*}value/{*}fullName")),
        restricted=root.findtext("{*}valueSet/{*}restricted") == "true",
        external_id=flag(root, "externalId"),
        unique=flag(root, "unique"),
        case_sensitive=flag(root, "caseSensitive"),
        default=text(root, "defaultValue"),
        refers_to=text(root, "referenceTo"),
        relationship_name=text(root, "relationshipName"),
        relationship_label=text(root, "relationshipLabel"),
        delete_constraint=text(root, "deleteConstraint"),
        reparentable=flag(root, "reparentableMasterDetail"),
        write_requires_master_read=flag(root, "writeRequiresMasterRead"),
        formula=text(root, "formula"),
    )


def read_object(path: Path) -> CustomObject:
    """The object of one ``.object-meta.xml``."""
    root = etree.parse(path).getroot()
    return CustomObject(
        name=path.name.removesuffix(".object-meta.xml"),
        label=text(root, "label") or "",
        plural_label=text(root, "pluralLabel") or "",
        description=text(root, "description") or "",
        sharing_model=text(root, "sharingModel") or "",
        name_field_type=root.findtext("{*}nameField/{*}type") or "",
    )


def read_permission_set(path: Path) -> PermissionSet:
    """The grants of one ``.permissionset-meta.xml``."""
    root = etree.parse(path).getroot()
    named = [(text(item, "field") or "", item) for item in root.findall("{*}fieldPermissions")]
    names = [name for name, _ in named]
    rights = [name for name, _ in OBJECT_RIGHTS]
    return PermissionSet(
        name=path.name.removesuffix(".permissionset-meta.xml"),
        label=text(root, "label") or "",
        description=text(root, "description") or "",
        fields={name: flag(item, "editable") for name, item in named},
        unreadable=tuple(name for name, item in named if not flag(item, "readable")),
        repeated=tuple(sorted({name for name in names if names.count(name) > 1})),
        objects={
            text(item, "object") or "": frozenset(right for right in rights if flag(item, right))
            for item in root.findall("{*}objectPermissions")
        },
        tabs=tuple(text(item, "tab") or "" for item in root.findall("{*}tabSettings")),
        applications=tuple(
            text(item, "application") or ""
            for item in root.findall("{*}applicationVisibilities")
            if flag(item, "visible")
        ),
        custom_permissions=tuple(text(item, "name") or "" for item in root.findall("{*}customPermissions")),
        user_permissions=tuple(text(item, "name") or "" for item in root.findall("{*}userPermissions")),
    )


# Each right with those it can't be granted without (a deployment answers "Permission X depends on permission(s): Y").
OBJECT_RIGHTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("allowRead", ()),
    ("allowCreate", ("allowRead",)),
    ("allowEdit", ("allowRead",)),
    ("allowDelete", ("allowRead", "allowEdit")),
    ("viewAllRecords", ("allowRead",)),
    ("modifyAllRecords", ("allowRead", "allowEdit", "allowDelete", "viewAllRecords")),
)


def text(element: etree._Element, name: str) -> str | None:
    """The text of a direct child, None where it is missing."""
    value = element.findtext(f"{{*}}{name}")
    return None if value is None else str(value)


def flag(element: etree._Element, name: str) -> bool:
    """True only where the direct child says ``true``."""
    return text(element, name) == "true"


def number(element: etree._Element, name: str) -> int | None:
    """A direct child as a whole number, None where it is missing."""
    value = text(element, name)
    return None if value is None else int(value)
