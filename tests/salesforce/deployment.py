"""What a deployment is known to refuse, as far as files can show it.

Sources: Metadata API Developer Guide (CustomField, CustomObject, PermissionSet) and the Salesforce limits for custom
fields, relationships and picklists. An edition may set lower limits; the ones here hold for Enterprise Edition.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from tests.salesforce.package import OBJECT_RIGHTS, CustomObject, Field, PermissionSet

LONGEST_NAME = 40
LONGEST_LABEL = 40
LONGEST_HELP_TEXT = 510
LONGEST_DESCRIPTION = 1000
LONGEST_SET_DESCRIPTION = 255
LONGEST_TEXT = 255
LONG_TEXT = range(256, 131_072 + 1)
LONG_TEXT_LINES = range(2, 51)
PICKLIST_LINES = range(3, 11)
MOST_DIGITS = 18
MOST_DECIMALS = 17
MOST_VALUES = 1000
LONGEST_VALUE = 255
MOST_CUSTOM_FIELDS = 500
MOST_EXTERNAL_IDS = 25
MOST_MASTERS = 2
MOST_RELATIONSHIPS = 40
LONG_TEXT_PER_OBJECT = 1_638_400

NAME = re.compile(r"[A-Za-z](?:_?[A-Za-z0-9])*")
CAN_BE_EXTERNAL_ID = {"Text", "Number", "Email", "AutoNumber"}
CAN_BE_UNIQUE = {"Text", "Number", "Email"}

# Standard objects whose Read needs another Read; a detail of ours needs its master's as well.
READ_NEEDS = {"Contact": ("Account",), "Opportunity": ("Account",), "Quote": ("Opportunity",)}
# Objects that have no rights of their own: quote lines follow the quote, price book entries the price book.
WITHOUT_RIGHTS = {"QuoteLineItem", "PricebookEntry"}


def name_problems(api_name: str) -> list[str]:
    """Faults of a custom field's or object's API name; the ``__c`` is not counted."""
    stem = api_name.removesuffix("__c")
    found = [] if api_name.endswith("__c") else [f"{api_name}: no __c"]
    found += [] if NAME.fullmatch(stem) else [f"{api_name}: letters, digits and single underscores only"]
    return found + ([f"{api_name}: name longer than {LONGEST_NAME}"] if len(stem) > LONGEST_NAME else [])


def object_problems(item: CustomObject, fields: Iterable[Field]) -> list[str]:
    """Faults of one object of ours by itself and beside its fields."""
    found = name_problems(item.name)
    found += [f"{item.name}: label" for label in (item.label, item.plural_label) if not 0 < len(label) <= LONGEST_LABEL]
    found += [f"{item.name}: description"] if len(item.description) > LONGEST_DESCRIPTION else []
    has_master = any(field.type == "MasterDetail" for field in fields)
    if has_master != (item.sharing_model == "ControlledByParent"):
        found.append(f"{item.name}: sharing follows the parent exactly where there is a master")
    return found


def field_problems(field: Field) -> list[str]:
    """Faults of one field by itself."""
    checks = {
        "label": 0 < len(field.label) <= LONGEST_LABEL,
        "help text": len(field.help_text) <= LONGEST_HELP_TEXT,
        "description": len(field.description) <= LONGEST_DESCRIPTION,
        "formula": field.formula is None,
        "external id": not field.external_id or field.type in CAN_BE_EXTERNAL_ID,
        "unique": not field.unique or field.type in CAN_BE_UNIQUE,
        "case-sensitive": not field.case_sensitive or field.unique,
        "required": not field.required or field.type not in ("Checkbox", "LongTextArea", "MasterDetail"),
    }
    found = [f"{field.api_name}: {name}" for name, holds in checks.items() if not holds]
    return name_problems(field.name) + found + shape_problems(field)


def shape_problems(field: Field) -> list[str]:
    """Faults in what the field's type asks for: sizes, values, relationship."""
    match field.type:
        case "Text":
            holds = field.length is not None and 1 <= field.length <= LONGEST_TEXT
        case "LongTextArea":
            holds = field.length in LONG_TEXT and field.visible_lines in LONG_TEXT_LINES
        case "Currency" | "Number" | "Percent":
            holds = digits_fit(field)
        case "Picklist":
            holds = values_fit(field)
        case "MultiselectPicklist":
            holds = values_fit(field) and field.visible_lines in PICKLIST_LINES
        case "Lookup" | "MasterDetail":
            return relationship_problems(field)
        case "Checkbox":
            holds = field.default in ("true", "false")
        case "Date" | "DateTime" | "Email":
            holds = field.length is None
        case _:
            holds = False
    return [] if holds else [f"{field.api_name}: {field.type} with these sizes"]


def digits_fit(field: Field) -> bool:
    """Whether precision and scale are given, within limits, and leave the scale inside the precision."""
    if field.precision is None or field.scale is None:
        return False
    return 1 <= field.precision <= MOST_DIGITS and 0 <= field.scale <= min(MOST_DECIMALS, field.precision)


def values_fit(field: Field) -> bool:
    """Whether a picklist has values, none twice (case does not tell two apart), none too long, not too many."""
    folded = {value.casefold() for value in field.values}
    return (
        0 < len(field.values) <= MOST_VALUES
        and len(folded) == len(field.values)
        and all(0 < len(value) <= LONGEST_VALUE for value in field.values)
    )


def relationship_problems(field: Field) -> list[str]:
    """Faults of a lookup or master-detail by itself."""
    found = []
    if not field.refers_to or not field.relationship_name or not field.relationship_label:
        found.append(f"{field.api_name}: refers to nothing, or the list of children has no name")
    elif not NAME.fullmatch(field.relationship_name) or len(field.relationship_name) > LONGEST_NAME:
        found.append(f"{field.api_name}: relationship name")
    if field.type == "Lookup" and field.required and field.delete_constraint != "Restrict":
        found.append(f"{field.api_name}: a required lookup can't be emptied, so deleting the parent must be refused")
    if field.type == "MasterDetail" and field.delete_constraint is not None:
        found.append(f"{field.api_name}: a detail always goes with its master")
    return found


def package_problems(fields: Iterable[Field]) -> list[str]:
    """Faults that show only across fields: counts for each object, names of children for each parent."""
    fields = list(fields)
    found = []
    for name in sorted({field.object_name for field in fields}):
        own = [field for field in fields if field.object_name == name]
        tallies = {
            "custom fields": (len(own), MOST_CUSTOM_FIELDS),
            "external ids": (sum(field.external_id for field in own), MOST_EXTERNAL_IDS),
            "masters": (sum(field.type == "MasterDetail" for field in own), MOST_MASTERS),
            "relationships": (sum(field.refers_to is not None for field in own), MOST_RELATIONSHIPS),
            "long text": (
                sum(field.length or 0 for field in own if field.type == "LongTextArea"),
                LONG_TEXT_PER_OBJECT,
            ),
        }
        found += [f"{name}: {count} {what}, at most {most}" for what, (count, most) in tallies.items() if count > most]
        found += [f"{name}: {label} is the label of two fields" for label in repeated(field.label for field in own)]
    children = [f"{field.refers_to}.{field.relationship_name}".lower() for field in fields if field.refers_to]
    return found + [f"{name}: two lists of children of one name" for name in repeated(children)]


def permission_set_problems(
    item: PermissionSet, fields: dict[str, Field], standard: dict[str, set[str]], masters: dict[str, set[str]]
) -> list[str]:
    """Faults of a permission set: fields it must not name, rights without those they need, names that do not exist.

    ``fields`` are the package's, ``standard`` the standard objects' fields, ``masters`` each detail's masters.
    """
    found = [f"{item.name}: {name} twice" for name in item.repeated]
    found += [f"{item.name}: {name} named but not readable" for name in item.unreadable]
    if not 0 < len(item.label) <= 80 or len(item.description) > LONGEST_SET_DESCRIPTION:
        found.append(f"{item.name}: label or description")
    for name in item.fields:
        found += granted_field_problems(item, name, fields, standard)
    for name, rights in item.objects.items():
        found += granted_object_problems(item, name, rights, standard, masters)
    return found


def granted_field_problems(
    item: PermissionSet, name: str, fields: dict[str, Field], standard: dict[str, set[str]]
) -> list[str]:
    """Faults of one field permission."""
    object_name, _, field_name = name.partition(".")
    if name in fields:
        refused = fields[name].required or fields[name].type == "MasterDetail"
        return [f"{item.name}: {name} is required, so can't be named"] if refused else []
    if field_name == "Name" or field_name not in standard.get(object_name, set()):
        return [f"{item.name}: {name} does not exist, or is the name"]
    return []


def granted_object_problems(
    item: PermissionSet, name: str, rights: frozenset[str], standard: dict[str, set[str]], masters: dict[str, set[str]]
) -> list[str]:
    """Faults of the rights on one object."""
    found = []
    if name in WITHOUT_RIGHTS or (name not in standard and name not in masters):
        found.append(f"{item.name}: {name} has no rights of its own, or does not exist")
    for right, needed in OBJECT_RIGHTS:
        if right in rights and not rights.issuperset(needed):
            found.append(f"{item.name}: {right} on {name} needs {', '.join(needed)}")
    for parent in (*READ_NEEDS.get(name, ()), *sorted(masters.get(name, set()))):
        if "allowRead" in rights and "allowRead" not in item.objects.get(parent, frozenset()):
            found.append(f"{item.name}: Read on {name} needs Read on {parent}")
    return found


def repeated(names: Iterable[str]) -> list[str]:
    """The names that stand more than once."""
    return sorted(name for name, count in Counter(names).items() if count > 1)
