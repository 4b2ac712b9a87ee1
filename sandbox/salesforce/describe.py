"""``describe``: the org's objects and fields in Salesforce's own shape, as far as this user may see them."""

from __future__ import annotations

from typing import Any

from sandbox.salesforce.access import Access
from sandbox.salesforce.calls import Call, Reply, Router
from sandbox.salesforce.errors import SalesforceError, not_found
from sandbox.salesforce.schema import ID_TYPES, TEXT_TYPES, Entity, Field

_SOAP_TYPES = {
    "id": "tns:ID",
    "reference": "tns:ID",
    "boolean": "xsd:boolean",
    "int": "xsd:int",
    "double": "xsd:double",
    "currency": "xsd:double",
    "percent": "xsd:double",
    "date": "xsd:date",
    "datetime": "xsd:dateTime",
    "address": "urn:address",
}


def add_routes(router: Router) -> None:
    """Answer for describe calls."""
    router.add("GET", "sobjects", describe_all)
    router.add("GET", "sobjects/*", basic)
    router.add("GET", "sobjects/*/describe", describe)


def _named(call: Call) -> Entity:
    """The object of the address. One that is not there, or that the user may not see, is an address that does not exist."""
    try:
        return call.access.entity(call.parts[1])
    except SalesforceError:
        raise not_found() from None


def describe_all(call: Call) -> Reply:
    """Every object the user may see."""
    shown = [_summary(call, entity) for entity in call.org.schema if call.access.may(entity, "read")]
    return Reply(200, {"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": shown})


def basic(call: Call) -> Reply:
    """The object in short."""
    entity = _named(call)
    return Reply(200, {"objectDescribe": _summary(call, entity), "recentItems": []})


def describe(call: Call) -> Reply:
    """The object with all its fields, child relationships and picklist values."""
    entity = _named(call)
    children = [
        {
            "cascadeDelete": child.cascade_delete,
            "childSObject": child.child,
            "deprecatedAndHidden": False,
            "field": child.field,
            "junctionIdListNames": [],
            "junctionReferenceTo": [],
            "relationshipName": child.name,
            "restrictedDelete": False,
        }
        for child in entity.children
    ]
    detail = {
        "actionOverrides": [],
        "childRelationships": children,
        "compactLayoutable": True,
        "fields": [_field(call.access, entity, entry) for entry in call.access.fields(entity)],
        "listviewable": None,
        "lookupLayoutable": None,
        "namedLayoutInfos": [],
        "networkScopeFieldName": None,
        "recordTypeInfos": [*_record_types(call, entity), _master_record_type(call, entity)],
        "searchLayoutable": True,
        "sobjectDescribeOption": "FULL",
        "supportedScopes": [{"label": f"All {entity.plural}", "name": "everything"}],
    }
    return Reply(200, _summary(call, entity) | detail)


def _summary(call: Call, entity: Entity) -> dict[str, Any]:
    url = f"{call.base}/sobjects/{entity.name}"
    may_write = entity.writable
    return {
        "activateable": False,
        "associateEntityType": None,
        "associateParentEntity": None,
        "createable": may_write and call.access.may(entity, "create"),
        "custom": entity.custom,
        "customSetting": False,
        "deepCloneable": False,
        "deletable": may_write and call.access.may(entity, "delete"),
        "deprecatedAndHidden": False,
        "feedEnabled": False,
        "hasSubtypes": False,
        "isInterface": False,
        "isSubtype": False,
        "keyPrefix": entity.prefix,
        "label": entity.label,
        "labelPlural": entity.plural,
        "layoutable": True,
        "mergeable": entity.name in ("Account", "Contact", "Lead"),
        "mruEnabled": True,
        "name": entity.name,
        "queryable": True,
        "replicateable": True,
        "retrieveable": True,
        "searchable": True,
        "triggerable": True,
        "undeletable": may_write,
        "updateable": may_write and call.access.may(entity, "edit"),
        "urls": {"rowTemplate": f"{url}/{{ID}}", "describe": f"{url}/describe", "sobject": url},
    }


def _record_types(call: Call, entity: Entity) -> list[dict[str, Any]]:
    """Those of the object, and whether this user may give them."""
    kept = call.org.kept_record_types if call.access.user.id == call.org.integration_user.id else frozenset()
    own = [row for row in call.org.store.rows("RecordType") if row["SobjectType"] == entity.name]
    return [
        _master_record_type(call, entity)
        | {
            "available": row["Id"] not in kept,
            "defaultRecordTypeMapping": False,
            "developerName": row["DeveloperName"],
            "master": False,
            "name": row["Name"],
            "recordTypeId": row["Id"],
        }
        for row in own
    ]


def _master_record_type(call: Call, entity: Entity) -> dict[str, Any]:
    return {
        "active": True,
        "available": True,
        "defaultRecordTypeMapping": True,
        "developerName": "Master",
        "master": True,
        "name": "Master",
        "recordTypeId": "012000000000000AAA",
        "urls": {"layout": f"{call.base}/sobjects/{entity.name}/describe/layouts/012000000000000AAA"},
    }


def _field(access: Access, entity: Entity, entry: Field) -> dict[str, Any]:
    edits = access.edits(entity, entry)
    is_text = entry.type in TEXT_TYPES
    sortable = entry.filterable and entry.type != "multipicklist"
    return {
        "aggregatable": sortable,
        "aiPredictionField": False,
        "autoNumber": bool(entry.auto_number),
        "byteLength": (entry.length * 3 if is_text else entry.length),
        "calculated": entry.calculated,
        "calculatedFormula": None,
        "cascadeDelete": entry.cascade_delete,
        "caseSensitive": entry.case_sensitive,
        "compoundFieldName": None,
        "controllerName": None,
        "createable": entry.createable and edits and entity.writable,
        "custom": entry.custom,
        "defaultValue": entry.default if entry.type != "boolean" else entry.default is True,
        "defaultValueFormula": None,
        "defaultedOnCreate": entry.defaulted,
        "dependentPicklist": False,
        "deprecatedAndHidden": False,
        "digits": 9 if entry.type == "int" else 0,
        "displayLocationInDecimal": False,
        "encrypted": False,
        "externalId": entry.external_id,
        "extraTypeInfo": "plaintextarea" if entry.type == "textarea" else None,
        "filterable": entry.filterable,
        "filteredLookupInfo": None,
        "formulaTreatNullNumberAsZero": False,
        "groupable": sortable and entry.type not in ("currency", "double", "percent", "datetime"),
        "highScaleNumber": False,
        "htmlFormatted": False,
        "idLookup": entry.id_lookup,
        "inlineHelpText": entry.help_text or None,
        "label": entry.label,
        "length": entry.length,
        "mask": None,
        "maskType": None,
        "name": entry.name,
        "nameField": entry.name == "Name",
        "namePointing": len(entry.reference_to) > 1,
        "nillable": entry.nillable,
        "permissionable": entry.custom and entry.nillable,
        "picklistValues": [_picklist_value(value, entry) for value in entry.picklist],
        "polymorphicForeignKey": len(entry.reference_to) > 1,
        "precision": entry.precision,
        "queryByDistance": False,
        "referenceTargetField": None,
        "referenceTo": list(entry.reference_to),
        "relationshipName": entry.relationship or None,
        "relationshipOrder": 0 if entry.cascade_delete and entry.custom else None,
        "restrictedDelete": False,
        "restrictedPicklist": entry.restricted,
        "scale": entry.scale,
        "searchPrefilterable": entry.type in ID_TYPES,
        "soapType": _SOAP_TYPES.get(entry.type, "xsd:string"),
        "sortable": sortable,
        "type": entry.type,
        "unique": entry.unique,
        "updateable": entry.updateable and edits and entity.writable,
        "writeRequiresMasterRead": False,
    }


def _picklist_value(value: str, entry: Field) -> dict[str, Any]:
    default = value == entry.default
    return {"active": True, "defaultValue": default, "label": value, "validFor": None, "value": value}
