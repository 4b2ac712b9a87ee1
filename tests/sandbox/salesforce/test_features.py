"""An org that an administrator set up otherwise: person accounts, record types, required fields, country picklists."""

from __future__ import annotations

from tests.sandbox.salesforce.conftest import Crm


def integration(crm: Crm) -> Crm:
    """The same org, as Tandem's own user."""
    return Crm(crm.served, "tandem")


def test_a_person_is_an_account_and_a_contact_in_one(crm: Crm) -> None:
    made = crm.switch(
        "features", person_accounts=True,
        record_types=[{"object": "Account", "name": "Company"}, {"object": "Account", "name": "Person", "person": True}],
    )["record_types"]  # fmt: skip
    ada = crm.create("Account", FirstName="Ada", LastName="Lovelace", PersonEmail="ada@oak.example")
    oak = crm.create("Account", Name="Oak Ltd")

    row = crm.get("Account", ada)
    assert (row["Name"], row["IsPersonAccount"], row["RecordTypeId"]) == ("Ada Lovelace", True, made["Person"])
    [contact] = crm.query("SELECT Id, Name, Email, AccountId FROM Contact")
    assert (contact["Id"], contact["Name"], contact["Email"]) == (
        row["PersonContactId"],
        "Ada Lovelace",
        "ada@oak.example",
    )
    assert crm.get("Account", oak)["RecordTypeId"] == made["Company"]
    crm.update("Account", ada, LastName="King")
    assert crm.query("SELECT Name FROM Contact")[0]["Name"] == crm.get("Account", ada)["Name"] == "Ada King"
    kind = {"RecordTypeId": made["Person"]}
    for body, code in (
        ({**kind, "Name": "Ada"}, "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ({**kind, "FirstName": "Ada"}, "REQUIRED_FIELD_MISSING"),
        ({"Name": "Oak", "PersonEmail": "a@oak.example"}, "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ({**kind, "LastName": "King", "PersonEmail": "a@oak"}, "INVALID_EMAIL_ADDRESS"),
    ):
        assert crm.refused("POST", "sobjects/Account", body)[1] == code
    assert crm.refused("PATCH", f"sobjects/Account/{ada}", {"Name": "Ada"})[1] == "INVALID_FIELD_FOR_INSERT_UPDATE"
    assert (
        crm.refused("POST", "sobjects/Contact", {"LastName": "X", "AccountId": ada})[1] == "FIELD_INTEGRITY_EXCEPTION"
    )
    assert len(crm.query("SELECT Id FROM Contact")) == 1


def test_a_record_type_is_given_by_those_who_have_it(crm: Crm) -> None:
    types = [
        {"object": "Account", "name": "Company"},
        {"object": "Account", "name": "Partner"},
        {"object": "Quote", "name": "New"},
    ]
    made = crm.switch("features", record_types=types, keep_record_types=["Partner"])["record_types"]
    tandem = integration(crm)
    assert crm.create("Account", Name="Oak", RecordTypeId=made["Partner"])
    for wrong in (made["Partner"], made["New"]):
        status, code, words = tandem.refused("POST", "sobjects/Account", {"Name": "Elm", "RecordTypeId": wrong})
        assert (status, code) == (400, "INVALID_CROSS_REFERENCE_KEY")
        assert words == f"Record Type ID: this ID value isn't valid for the user: {wrong}"
    infos = {
        i["name"]: i["available"] for i in tandem.ask("GET", "sobjects/Account/describe").json()["recordTypeInfos"]
    }
    assert infos == {"Company": True, "Partner": False, "Master": True}


def test_a_field_of_the_orgs_own_may_be_required_and_stop_being_so(crm: Crm) -> None:
    own = {"object": "Account", "name": "Segment__c", "type": "picklist", "values": ["Web", "Field"], "required": True}
    crm.switch("features", fields=[own])
    status, code, words = crm.refused("POST", "sobjects/Account", {"Name": "Oak"})
    assert (status, code, words) == (400, "REQUIRED_FIELD_MISSING", "Required fields are missing: [Segment__c]")
    code = crm.refused("POST", "sobjects/Account", {"Name": "Oak", "Segment__c": "Shop"})[1]
    assert code == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
    assert crm.create("Account", Name="Oak", Segment__c="Web")
    crm.switch("features", optional=["Account.Segment__c"], required=["Account.Industry"])
    assert crm.refused("POST", "sobjects/Account", {"Name": "Elm"})[2] == "Required fields are missing: [Industry]"
    assert crm.create("Account", Name="Elm", Industry="Retail")


NO_SUCH_PLACES: list[tuple[dict[str, str], str]] = [
    ({"BillingCountry": "Germny"}, "BillingCountry"),
    ({"BillingCountry": "DE"}, "BillingCountry"),  # that is the code
    ({"BillingCountryCode": "XX"}, "BillingCountryCode"),
    ({"BillingCountry": "United States", "BillingState": "Bavaria"}, "BillingState"),
    ({"BillingState": "California"}, "BillingState"),  # of which country
]


def test_a_country_or_state_that_is_not_listed_is_refused(crm: Crm) -> None:
    crm.switch("features", state_codes=True)
    for given, field in NO_SUCH_PLACES:
        [refused] = crm.ask("POST", "sobjects/Account", {"Name": "Oak", **given}).json()
        assert (refused["errorCode"], refused["fields"]) == ("FIELD_INTEGRITY_EXCEPTION", [field])
    oak = crm.create("Account", Name="Oak", BillingCountryCode="US", BillingState="new york")
    row = crm.get("Account", oak)
    assert (row["BillingCountry"], row["BillingState"], row["BillingStateCode"]) == ("United States", "New York", "NY")


def test_what_is_no_feature_is_refused(crm: Crm) -> None:
    for wrong in ({"colour": True}, {"required": ["Account.Shade__c"]}, {"person_accounts": 1}):
        answer = crm.ask("POST", "/tandem-sandbox/features", wrong, headers={"X-Tandem-Client": "harness"})
        assert answer.status_code == 400
