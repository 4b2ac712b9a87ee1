"""The Metadata WSDL that simple-salesforce ships (API 63.0), as a judge of single metadata files.

The WSDL orders the elements of a type and puts inherited ones first; files in source format are ordered by name. So two
checks stand in for the WSDL's sequences: an XML Schema in which every type is a free choice of its own and inherited
elements (names, types, enumerated values), and a walk that counts elements against the WSDL's minOccurs and maxOccurs.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import simple_salesforce
from lxml import etree

XSD = "http://www.w3.org/2001/XMLSchema"
METADATA = "http://soap.sforce.com/2006/04/metadata"
WSDL = Path(simple_salesforce.__file__).with_name("metadata.wsdl")


@dataclass(frozen=True)
class Child:
    """How often an element may stand in its parent, and its type without prefix."""

    type: str
    least: int
    most: int | None


def problems(document: etree._Element) -> list[str]:
    """What the WSDL objects to in one metadata document, in words; empty when it is valid."""
    schema = compiled_schema(etree.QName(document).localname)
    schema.validate(document)
    found = [f"line {error.line}: {error.message}" for error in schema.error_log]
    return found + counts(document, etree.QName(document).localname)


def counts(element: etree._Element, type_name: str) -> list[str]:
    """Elements that stand too often or are missing, in this element and all below it."""
    children = {child for child in element if isinstance(child.tag, str)}
    found = []
    for name, rule in content(type_name).items():
        same = [child for child in children if etree.QName(child).localname == name]
        if len(same) < rule.least:
            found.append(f"line {element.sourceline}: {name} is missing in {type_name}")
        if rule.most is not None and len(same) > rule.most:
            found.append(f"line {element.sourceline}: {name} stands {len(same)} times in {type_name}")
        for child in same:
            found += counts(child, rule.type)
    return found


@cache
def compiled_schema(root: str) -> etree.XMLSchema:
    """An XML Schema for documents whose root element is of the metadata type of the same name."""
    if root not in complex_types():
        raise ValueError(f"{root} is no metadata type of {WSDL.name}")
    schema = etree.Element(f"{{{XSD}}}schema", nsmap={"xsd": XSD, "tns": METADATA})
    schema.set("targetNamespace", METADATA)
    schema.set("elementFormDefault", "qualified")
    for simple in wsdl_schema().findall(f"{{{XSD}}}simpleType"):
        schema.append(deepcopy(simple))
    for name in complex_types():
        schema.append(free_choice(name))
    etree.SubElement(schema, f"{{{XSD}}}element", name=root, type=f"tns:{root}")
    return etree.XMLSchema(schema)


def free_choice(name: str) -> etree._Element:
    """One type of the WSDL as a repeatable choice of all its elements."""
    result = etree.Element(f"{{{XSD}}}complexType", name=name)
    choice = etree.SubElement(result, f"{{{XSD}}}choice", minOccurs="0", maxOccurs="unbounded")
    for element in elements(name):
        copy = deepcopy(element)
        for bound in ("minOccurs", "maxOccurs"):
            copy.attrib.pop(bound, None)
        choice.append(copy)
    return result


@cache
def content(name: str) -> dict[str, Child]:
    """The elements of a type with its inherited ones; empty for a simple type."""
    if name not in complex_types():
        return {}
    return {element.get("name"): rule(element) for element in elements(name)}


def rule(element: etree._Element) -> Child:
    """What the WSDL says of one element; occurrence defaults to exactly once."""
    most = element.get("maxOccurs", "1")
    return Child(
        type=(element.get("type") or "").rpartition(":")[2],
        least=int(element.get("minOccurs", "1")),
        most=None if most == "unbounded" else int(most),
    )


def elements(name: str) -> list[etree._Element]:
    """The element declarations of a type, those of its bases first."""
    definition = complex_types()[name]
    extension = definition.find(f"{{{XSD}}}complexContent/{{{XSD}}}extension")
    if extension is None:
        return definition.findall(f"{{{XSD}}}sequence/{{{XSD}}}element")
    base = extension.get("base").rpartition(":")[2]
    return elements(base) + extension.findall(f"{{{XSD}}}sequence/{{{XSD}}}element")


@cache
def complex_types() -> dict[str, etree._Element]:
    """All complex types of the metadata namespace by name."""
    return {item.get("name"): item for item in wsdl_schema().findall(f"{{{XSD}}}complexType")}


@cache
def wsdl_schema() -> etree._Element:
    """The metadata schema inside the WSDL."""
    schemas = [item for item in etree.parse(WSDL).iter(f"{{{XSD}}}schema") if item.get("targetNamespace") == METADATA]
    assert len(schemas) == 1, f"{WSDL} holds {len(schemas)} schemas of {METADATA}"
    return schemas[0]
