"""Flushing rows: few calls, parents first, one result for each row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from sync.clock import Deadline
from sync.crm import CrmRow
from sync.errors import OutcomeUnknown, SyncError, Terminal, Transient
from sync.gateways.salesforce_client import json_text
from sync.gateways.salesforce_errors import of_call, sorted_error
from sync.ports import OutRow, RowResult
from tests.sync.gateways.crm_seed import make_deal
from tests.sync.gateways.world import World

Parents = Mapping[str, tuple[str, str, str]]


def rows(*given: CrmRow, fence: int = 1) -> list[OutRow]:
    return [OutRow(i, r, "h", fence, 1) for i, r in enumerate(given)]


def account_row(account: str, **fields: object) -> CrmRow:
    return CrmRow("Account", "Id", account, fields, account)


def subscription_row(account: str, key: str = "deal-1", **fields: object) -> CrmRow:
    base = {
        "Account__c": account,
        "Status__c": "Active",
        "Currency__c": "USD",
        "MRR__c": Decimal("1225.00"),
        "Start_Date__c": "2026-03-01",
    }
    return CrmRow("Billing_Subscription__c", "Billing_Key__c", key, {**base, **fields}, account)


def invoice_row(account: str, key: str = "in_1", *, under: str | None = "deal-1", **fields: object) -> CrmRow:
    parents: Parents = (
        {"Billing_Subscription__r": ("Billing_Subscription__c", "Billing_Key__c", under)} if under else {}
    )
    base = {"Account__c": account, "Status__c": "Paid", "Currency__c": "USD", "Total__c": Decimal("14700.00")}
    return CrmRow("Billing_Invoice__c", "Billing_Key__c", key, {**base, **fields}, account, parents)


def payment_row(account: str, key: str = "py_1", *, under: str = "in_1", **fields: object) -> CrmRow:
    parents: Parents = {"Billing_Invoice__r": ("Billing_Invoice__c", "Billing_Key__c", under)}
    base = {"Type__c": "Payment", "Currency__c": "USD", "Amount__c": Decimal("14700.00")}
    return CrmRow("Billing_Payment__c", "Billing_Key__c", key, {**base, **fields}, account, parents)


def flushes(world: World) -> int:
    """Calls to Salesforce that wrote something."""
    return sum(bool(x["effect"]) for x in world.log("salesforce"))


def composites(world: World) -> list[Any]:
    return [x for x in world.log("salesforce") if x["path"].endswith("/composite")]


def test_a_family_of_rows_is_one_call_children_given_first(world: World) -> None:
    account = world.make("Account", Name="Acme")
    family = rows(
        payment_row(account),
        invoice_row(account),
        subscription_row(account),
        account_row(account, MRR__c=Decimal("1225.00")),
    )
    results, request_id = world.org().flush(family, Deadline(30))
    assert {i: (r.ok, r.created) for i, r in results.items()} == {
        0: (True, True),
        1: (True, True),
        2: (True, True),
        3: (True, False),
    }
    assert flushes(world) == 1
    (payment,) = world.query(
        "SELECT Amount__c, Billing_Invoice__r.Total__c, Billing_Invoice__r.Billing_Subscription__r.MRR__c FROM Billing_Payment__c"
    )
    assert payment["Billing_Invoice__r"]["Billing_Subscription__r"]["MRR__c"] == 1225
    assert request_id is None or isinstance(request_id, str)


def test_the_same_rows_again_update_what_is_there(world: World) -> None:
    account = world.make("Account", Name="Acme")
    org = world.org()
    first, _ = org.flush(rows(subscription_row(account)), Deadline(30))
    second, _ = org.flush(rows(subscription_row(account, Status__c="Canceled")), Deadline(30))
    assert (first[0].created, second[0].created) == (True, False)
    assert first[0].salesforce_id == second[0].salesforce_id
    assert world.query("SELECT Status__c FROM Billing_Subscription__c")[0]["Status__c"] == "Canceled"


def test_none_clears_a_field(world: World) -> None:
    deal = make_deal(world)
    world.change("Quote", deal.quote, Billing_Request__c="Check", Billing_Message__c="old")
    fields = {"Billing_Request__c": None, "Billing_Message__c": None, "Billing_Status__c": "Live"}
    results, _ = world.org().flush(rows(CrmRow("Quote", "Id", deal.quote, fields, deal.account)), Deadline(30))
    assert results[0].ok
    quote = world.query("SELECT Billing_Request__c, Billing_Message__c, Billing_Status__c FROM Quote")[0]
    assert (quote["Billing_Request__c"], quote["Billing_Message__c"], quote["Billing_Status__c"]) == (
        None,
        None,
        "Live",
    )


def test_amounts_arrive_exactly_and_in_the_records_currency(world: World) -> None:
    account = world.make("Account", Name="Acme")
    dinars = replace(subscription_row(account, MRR__c=Decimal("83.333")), currency="KWD")
    world.org().flush(rows(dinars), Deadline(30))
    row = world.query("SELECT MRR__c, CurrencyIsoCode FROM Billing_Subscription__c")[0]
    assert (str(row["MRR__c"]), row["CurrencyIsoCode"]) == ("83.333", "KWD")


def test_one_bad_row_fails_alone_and_its_children_wait(world: World) -> None:
    account = world.make("Account", Name="Acme")
    batch = rows(
        subscription_row(account, Status__c="Hibernating"),
        invoice_row(account),
        subscription_row(account, "deal-2"),
        invoice_row(account, "in_2", under="deal-2"),
    )
    results, _ = world.org().flush(batch, Deadline(30))
    assert (results[0].ok, results[0].code, results[0].transient) == (False, "CONF-304", False)
    assert results[0].status_code == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
    assert (results[1].ok, results[1].code, results[1].transient) == (False, "TEMP-404", True)
    assert results[2].ok
    assert results[3].ok


def test_a_row_whose_parent_is_not_there_yet_waits(world: World) -> None:
    account = world.make("Account", Name="Acme")
    results, _ = world.org().flush(rows(invoice_row(account, under="deal-missing")), Deadline(30))
    assert (results[0].code, results[0].transient) == ("TEMP-404", True)


def test_of_two_rows_for_one_record_the_newer_fence_is_sent(world: World) -> None:
    account = world.make("Account", Name="Acme")
    older = OutRow(1, subscription_row(account, Status__c="Active"), "h", 5, 1)
    newer = OutRow(2, subscription_row(account, Status__c="Canceled"), "h", 6, 1)
    for number, batch in enumerate(([older, newer], [newer, older])):
        results, _ = world.org().flush(batch, Deadline(30))
        assert results[1] == results[2]
        assert results[1].ok
        assert world.query("SELECT Status__c FROM Billing_Subscription__c")[0]["Status__c"] == "Canceled", number


def test_a_thousand_invoices_are_one_call_and_no_account_is_torn_apart(world: World) -> None:
    accounts = [world.make("Account", Name=f"A{i}") for i in range(4)]
    batch = rows(*(invoice_row(a, f"in_{a}_{i}", under=None) for i in range(245) for a in accounts))
    org = world.org()
    org.flush(rows(account_row(accounts[0], MRR__c=Decimal(1))), Deadline(30))
    before = flushes(world)
    results, _ = org.flush(batch, Deadline(30))
    assert len(results) == 980
    assert all(r.ok for r in results.values())
    assert flushes(world) == before + 1 or flushes(world) == before + 2
    assert (
        world.query("SELECT COUNT() FROM Billing_Invoice__c") == []
        or len(world.query("SELECT Id FROM Billing_Invoice__c")) == 980
    )


def test_text_that_composite_would_replace_arrives_as_it_is(world: World) -> None:
    account = world.make("Account", Name="Acme")
    text = "see @{part0.body[0].id} and @{x}"
    batch = rows(subscription_row(account), invoice_row(account), payment_row(account, Detail__c=text))
    results, _ = world.org().flush(batch, Deadline(30))
    assert all(r.ok for r in results.values())
    assert world.query("SELECT Detail__c FROM Billing_Payment__c")[0]["Detail__c"] == text


def test_a_later_call_that_fails_leaves_its_rows_for_the_next_flush(world: World) -> None:
    account = world.make("Account", Name="Acme")
    org = world.org()
    org.flush(rows(subscription_row(account, "before")), Deadline(30))
    world.fault(system="salesforce", kind="drop", next=1, match="/composite/sobjects/Billing_Payment__c")
    batch = rows(subscription_row(account), invoice_row(account), payment_row(account, Detail__c="@{x}"))
    results, _ = org.flush(batch, Deadline(30))
    assert [results[i].ok for i in range(3)] == [True, True, False]
    assert (results[2].code, results[2].transient) == ("TEMP-406", True)
    assert org.flush(batch, Deadline(30))[0][2].ok


def test_rows_are_written_where_the_package_has_a_namespace(namespaced_world: World) -> None:
    account = namespaced_world.make("Account", Name="Acme")
    batch = rows(
        account_row(account, Billing_Health__c="Good"),
        subscription_row(account),
        invoice_row(account),
        payment_row(account),
    )
    results, _ = namespaced_world.org().flush(batch, Deadline(30))
    assert all(r.ok for r in results.values()), results
    found = namespaced_world.query("SELECT acme__Billing_Invoice__r.acme__Billing_Key__c FROM acme__Billing_Payment__c")
    assert found[0]["acme__Billing_Invoice__r"]["acme__Billing_Key__c"] == "in_1"


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (CrmRow("Account", "Id", "001000000000001AAA", {"Name": "Ours now"}, ""), "Account.Name is not ours"),
        (
            CrmRow("Quote", "Id", "0Q0000000000001AAA", {"Start_Date__c": "2026-03-01"}, ""),
            "Quote.Start_Date__c is not ours",
        ),
        (CrmRow("Quote", "Id", "not an id", {"Billing_Status__c": "Live"}, ""), "no Salesforce id"),
        (CrmRow("Lead", "Id", "00Q000000000001AAA", {}, ""), "not mapped"),
        (CrmRow("Billing_Invoice__c", "Number__x", "in_1", {}, ""), "no key"),
        (CrmRow("Billing_Invoice__c", "Billing_Key__c", "", {}, ""), "no key"),
    ],
)
def test_a_row_that_is_not_ours_to_write_stays_here(world: World, row: CrmRow, words: str) -> None:
    account = world.make("Account", Name="Acme")
    results, _ = world.org().flush(
        [OutRow(7, row, "h", 1, 1), OutRow(8, subscription_row(account), "h", 1, 1)], Deadline(30)
    )
    assert (results[7].ok, results[7].code) == (False, "BUG-502")
    assert words in (results[7].message or "")
    assert results[8].ok


def test_a_locked_row_passes_and_the_others_go_through(world: World) -> None:
    account = world.make("Account", Name="Acme")
    org = world.org()
    org.flush(rows(subscription_row(account, "before")), Deadline(30))
    world.fault(system="salesforce", kind="lock", next=1)
    results, _ = org.flush(rows(subscription_row(account), subscription_row(account, "deal-2")), Deadline(30))
    assert any(not r.ok for r in results.values())
    assert {(r.code, r.transient) for r in results.values() if not r.ok} == {("TEMP-404", True)}
    again, _ = org.flush(rows(subscription_row(account), subscription_row(account, "deal-2")), Deadline(30))
    assert all(r.ok for r in again.values())


@pytest.mark.parametrize(
    ("kind", "error", "code"),
    [
        ("timeout_after_effect", OutcomeUnknown, "TEMP-406"),
        ("drop", OutcomeUnknown, "TEMP-406"),
        ("error_500", OutcomeUnknown, "TEMP-406"),
        ("quota", Transient, "TEMP-405"),
    ],
)
def test_a_flush_that_fails_as_a_whole_says_whether_it_may_have_acted(
    world: World, kind: str, error: type[SyncError], code: str
) -> None:
    account = world.make("Account", Name="Acme")
    org = world.org()
    org.flush(rows(subscription_row(account, "before")), Deadline(30))
    world.fault(system="salesforce", kind=kind, next=1)
    with pytest.raises(SyncError) as caught:
        org.flush(rows(subscription_row(account)), Deadline(1.5))
    assert (type(caught.value), caught.value.code) == (error, code)
    assert org.flush(rows(subscription_row(account)), Deadline(30))[0][0].ok
    assert len(world.query("SELECT Id FROM Billing_Subscription__c WHERE Billing_Key__c = 'deal-1'")) == 1


def test_a_flush_whose_deadline_passed_before_it_began_sends_nothing(world: World) -> None:
    account = world.make("Account", Name="Acme")
    org = world.org()
    org.flush(rows(subscription_row(account, "before")), Deadline(30))
    before = flushes(world)

    with pytest.raises(Transient) as caught:
        org.flush(rows(subscription_row(account)), Deadline(0))

    assert not isinstance(caught.value, OutcomeUnknown)
    assert flushes(world) == before


def test_rows_of_a_later_call_without_an_answer_may_have_been_written(world: World) -> None:
    account = world.make("Account", Name="Acme")
    org = world.org()
    org.flush(rows(subscription_row(account, "before")), Deadline(30))
    world.fault(system="salesforce", kind="timeout_after_effect", next=1, match="PATCH ")
    outside = subscription_row(account, "deal-2", Stripe_Id__c="@{sub}")

    results, _ = org.flush(rows(subscription_row(account), outside), Deadline(1.5))

    assert results[0].ok
    assert (results[1].ok, results[1].transient, results[1].unknown) == (False, True, True)


def test_a_child_of_a_deleted_account_is_gone_and_not_something_that_passes(world: World) -> None:
    account = world.make("Account", Name="Acme")
    org = world.org()
    org.flush(rows(subscription_row(account), invoice_row(account)), Deadline(30))
    world.delete("Account", account)

    results, _ = org.flush(rows(invoice_row(account, under=None, Status__c="Open")), Deadline(30))

    assert [(r.code, r.transient, r.no_parent) for r in results.values()] == [("DATA-223", False, False)]


def test_a_child_whose_parent_is_no_longer_there_says_so(world: World) -> None:
    account = world.make("Account", Name="Acme")

    results, _ = world.org().flush(rows(payment_row(account)), Deadline(30))

    assert [(r.code, r.transient, r.no_parent) for r in results.values()] == [("TEMP-404", True, True)]


def test_an_expired_token_does_not_disturb_a_flush(world: World) -> None:
    account = world.make("Account", Name="Acme")
    org = world.org()
    org.flush(rows(subscription_row(account, "before")), Deadline(30))
    world.fault(system="salesforce", kind="expire_token", next=1)
    assert org.flush(rows(subscription_row(account)), Deadline(30))[0][0].ok


def test_an_account_is_made_for_a_self_serve_customer(world: World) -> None:
    org = world.org()
    made = org.create_account(
        {"Name": "Birch", "Billing_Email__c": "ops@birch.example", "Stripe_Customer_Id__c": "cus_1"}
    )
    assert [a.id for a in org.find_accounts(stripe_customer_ids=["cus_1"])] == [made]


NEW_ACCOUNT = {"Name": "Ada Lovelace", "Billing_Email__c": "ada@birch.example", "Stripe_Customer_Id__c": "cus_1"}
NEW_CONTACT = {"FirstName": "Ada", "LastName": "Lovelace", "Email": "ada@birch.example"}
CONTACTS = "SELECT Name, Email, AccountId FROM Contact"


def test_an_account_is_made_with_its_contact_in_one_call(world: World) -> None:
    made = world.org().create_account(NEW_ACCOUNT, NEW_CONTACT)

    [contact] = world.query(CONTACTS)
    assert (contact["Name"], contact["Email"], contact["AccountId"]) == ("Ada Lovelace", "ada@birch.example", made)
    assert flushes(world) == 1


def test_an_account_whose_contact_is_refused_is_not_made_either(world: World) -> None:
    with pytest.raises(SyncError) as caught:
        world.org().create_account(NEW_ACCOUNT, NEW_CONTACT | {"Email": "no address"})

    assert caught.value.code == "DATA-220"
    assert "Contact" in caught.value.message
    assert world.query("SELECT Id FROM Account WHERE Stripe_Customer_Id__c = 'cus_1'") == []
    assert world.query(CONTACTS) == []


def test_an_account_that_was_made_without_an_answer_is_found_with_its_one_contact(world: World) -> None:
    org = world.org(call_deadline_s=1.5)
    org.find_accounts(stripe_customer_ids=["cus_1"])
    world.fault(system="salesforce", kind="timeout_after_effect", next=1, match="POST ")

    with pytest.raises(OutcomeUnknown):
        org.create_account(NEW_ACCOUNT, NEW_CONTACT)

    world.refresh()
    [there] = world.org().find_accounts(stripe_customer_ids=["cus_1"])
    assert [c["AccountId"] for c in world.query(CONTACTS)] == [there.id]


def test_a_name_that_looks_like_a_reference_is_only_a_name(world: World) -> None:
    world.org().create_account(NEW_ACCOUNT | {"Name": "@{part0.id}"}, NEW_CONTACT | {"LastName": "@{part0.id}"})

    assert [c["Name"] for c in world.query(CONTACTS)] == ["Ada @ {part0.id}"]


def test_accounts_are_made_together_with_their_contacts_and_without_those_that_are_refused(world: World) -> None:
    org = world.org()
    new = [
        ({"Name": f"Birch {n}", "Stripe_Customer_Id__c": f"cus_{n}"}, {"LastName": f"@{{part{n}}}", "Email": email})
        for n, email in enumerate(["a@birch.example", "no address", "c@birch.example"])
    ]
    alone = ({"Name": "Alone", "Stripe_Customer_Id__c": "cus_alone"}, None)

    made = org.create_accounts([*new, alone])

    assert [bool(id_) for id_ in made] == [True, False, True, True]
    assert sorted(c["AccountId"] for c in world.query(CONTACTS)) == sorted([made[0], made[2]])
    assert {c["Name"] for c in world.query(CONTACTS)} == {"@{part0}", "@{part2}"}  # a tree knows no references
    assert [a["Name"] for a in world.query("SELECT Name FROM Account ORDER BY Name")] == ["Alone", "Birch 0", "Birch 2"]
    assert len([e for e in world.log("salesforce") if "/composite/tree/Account" in e["path"]]) == 2
    assert org.create_accounts([]) == []


def test_more_accounts_than_one_call_takes_go_in_several(world: World) -> None:
    new = [({"Name": f"A{n}"}, {"LastName": f"C{n}"}) for n in range(101)]

    made = world.org().create_accounts(new)

    assert len({*made} - {None}) == 101
    assert len([e for e in world.log("salesforce") if "/composite/tree/Account" in e["path"]]) == 2


def test_accounts_that_no_org_takes_say_why(world: World) -> None:
    with pytest.raises(SyncError) as caught:
        world.org().create_accounts([({"Name": "A", "Nothing__c": 1}, None)])

    assert "Nothing__c" in caught.value.message


def test_a_row_of_a_deleted_quote_is_written_without_its_look_up_and_the_others_as_they_are(world: World) -> None:
    deal = make_deal(world)
    other = make_deal(world)
    family = rows(
        subscription_row(deal.account, Quote__c=deal.quote),
        invoice_row(deal.account),
        subscription_row(other.account, "deal-2", Quote__c=other.quote),
        invoice_row("001000000000001AAA", "in_2", under=None),
    )
    assert [r.ok for r in world.org().flush(family[:3], Deadline(30))[0].values()] == [True] * 3
    world.delete("Quote", deal.quote)
    again = [replace(r, row=replace(r.row, fields={**r.row.fields, "Status__c": "Paid"})) for r in family[1:2]]
    changed = [
        replace(r, row=replace(r.row, fields={**r.row.fields, "Status__c": "Past Due"})) for r in (family[0], family[2])
    ]

    results, _ = world.org().flush([*changed, *again, family[3]], Deadline(30))

    assert {r.row.key: results[r.id].ok for r in family} == {
        "deal-1": True,
        "in_1": True,
        "deal-2": True,
        "in_2": False,
    }
    shown = world.query("SELECT Quote__c, Status__c FROM Billing_Subscription__c ORDER BY Billing_Key__c")
    assert [(s["Quote__c"], s["Status__c"]) for s in shown] == [(None, "Past Due"), (other.quote, "Past Due")]


def test_an_empty_flush_makes_no_call(world: World) -> None:
    assert world.org().flush([], Deadline(30)) == ({}, None)
    assert world.log("salesforce") == []


# ------------------------------------------------------------------ sorting


@pytest.mark.parametrize(
    ("status_code", "message", "code", "transient"),
    [
        ("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access", "TEMP-404", True),
        ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "trigger X: UNABLE_TO_LOCK_ROW", "TEMP-404", True),
        ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "trigger X: null pointer", "DATA-220", False),
        ("DUPLICATE_VALUE", "duplicate value found: Billing_Key__c", "TEMP-404", True),
        ("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", "TEMP-405", True),
        ("REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded.", "TEMP-406", True),
        ("SERVER_UNAVAILABLE", "maintenance", "TEMP-406", True),
        ("INVALID_FIELD", "No such column 'X__c' on entity 'Quote'", "CONF-302", False),
        ("INVALID_FIELD", "Foreign key external ID: in_1 not found for field Billing_Key__c", "TEMP-404", True),
        ("INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access", "CONF-302", False),
        ("DUPLICATES_DETECTED", "Use one of these records?", "CONF-303", False),
        ("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "bad value: X", "CONF-304", False),
        ("FIELD_CUSTOM_VALIDATION_EXCEPTION", "Close the quote first", "DATA-220", False),
        ("STORAGE_LIMIT_EXCEEDED", "storage limit exceeded", "DATA-220", False),
        ("STRING_TOO_LONG", "data value too large", "DATA-220", False),
        ("ENTITY_IS_DELETED", "entity is deleted", "DATA-223", False),
        ("SOMETHING_NEW", "what is this", "BUG-502", False),
    ],
)
def test_every_error_of_a_record_has_one_meaning(status_code: str, message: str, code: str, transient: bool) -> None:
    found = sorted_error(status_code, message, ("Field__c",), what="Quote")
    assert (found.code, found.transient, found.status_code) == (code, transient, status_code)


@pytest.mark.parametrize(
    "message",
    [
        "lling_Code__c, Total__c FROM\n   ^\nERROR at Row:1:Column:71\nNo such column 'Total__c' on entity 'Quote'. If you are",
        "No such column 'Total__c' on sobject of type Quote",
    ],
)
def test_a_field_that_the_org_lost_is_named_and_our_query_is_not_repeated(message: str) -> None:
    found = sorted_error("INVALID_FIELD", message, what="Quote")
    assert found.message == (
        "We can't read or write Quote.Total__c. Give the permission set access. The org has no such field for this log-in."
    )


def test_the_orgs_own_words_reach_the_reader() -> None:
    assert (
        "Close the quote first"
        in sorted_error("FIELD_CUSTOM_VALIDATION_EXCEPTION", "Close the quote first", what="Quote").message
    )


@pytest.mark.parametrize(
    ("status", "body", "writing", "kind", "code"),
    [
        (503, None, False, Transient, "TEMP-406"),
        (503, None, True, OutcomeUnknown, "TEMP-406"),
        (500, [{"errorCode": "UNKNOWN_EXCEPTION", "message": "x"}], True, OutcomeUnknown, "TEMP-406"),
        (200, None, True, OutcomeUnknown, "TEMP-406"),
        (400, {"error": "unsupported_grant_type"}, False, Terminal, "BUG-502"),
        (404, None, False, Terminal, "BUG-502"),
        (429, None, False, Transient, "TEMP-406"),
        (401, None, False, Terminal, "CONF-307"),
        (400, [], False, Terminal, "BUG-502"),
        (400, ["x"], False, Terminal, "BUG-502"),
    ],
)
def test_every_shape_of_a_failed_call_is_sorted(
    status: int, body: object, writing: bool, kind: type[SyncError], code: str
) -> None:
    found = of_call(status, body, what="Quote", writing=writing)
    assert (type(found), found.code) == (kind, code)


def test_json_is_exact_and_refuses_floats() -> None:
    assert (
        json_text({"a": Decimal("1E+2"), "b": [Decimal("0.10"), True, None, 'x"']})
        == '{"a":100,"b":[0.10,true,null,"x\\""]}'
    )
    for value in (1.5, Decimal("NaN"), object()):
        with pytest.raises(TypeError):
            json_text({"a": value})


def test_row_results_are_plain_values() -> None:
    assert RowResult(ok=True, salesforce_id="1") == RowResult(ok=True, salesforce_id="1")


@pytest.mark.parametrize(
    ("features", "more", "code", "words"),
    [
        ({"required": ["Account.Industry"]}, {}, "DATA-220", "wants more of a new Account than is known of a customer: Industry"),
        ({"required": ["Contact.Title"]}, {}, "DATA-220", "Give it a value in SELF_SERVE_CONTACT_FIELDS"),
        ({"state_codes": True}, {"BillingCountry": "Germny"}, "CONF-304", "There's a problem with this country"),
        ({"fields": [{"object": "Account", "name": "Segment__c", "type": "picklist", "values": ["Web"], "required": True}]},
         {"Segment__c": "Shop"}, "CONF-304", "add it to the picklist"),
        ({"record_types": [{"object": "Account", "name": "Partner"}], "keep_record_types": ["Partner"]},
         {"RecordTypeId": "Partner"}, "CONF-302", "may not give a new Account the record type 012"),
        ({}, {"OwnerId": "005000000000001AAA"}, "CONF-302", "SELF_SERVE_OWNER_ID"),
        ({}, {"Shade__c": "red"}, "CONF-302", "Account.Shade__c"),
        ({}, {"LastName": "Lovelace"}, "CONF-302", "Account.LastName"),  # the org has no person accounts
        ({}, {"Billing_Email__c": "ada@birch"}, "DATA-220", "Correct it on the customer in Stripe"),
    ],
)  # fmt: skip
def test_what_an_org_wants_otherwise_is_said_with_the_setting_that_decides_it(
    world: World, features: dict[str, Any], more: dict[str, Any], code: str, words: str
) -> None:
    world.switch("features", features)
    types = {row["Name"]: row["Id"] for row in world.query("SELECT Id, Name FROM RecordType")}
    given = {key: types.get(value, value) for key, value in more.items()}

    with pytest.raises(SyncError) as caught:
        world.org().create_account(NEW_ACCOUNT | given, NEW_CONTACT)

    assert (caught.value.code, words in caught.value.message) == (code, True), caught.value.message
    assert world.query("SELECT Id FROM Account") == []
