"""Tax ids of a customer: the Account's number is there, others' are left alone, and ours that is no more goes."""

from dataclasses import replace

from sync.deal.deal import Payer
from sync.desired.tax_ids import TAX_IDS, desire_tax_ids
from sync.diff import diff
from sync.facts import Customer, TaxId
from sync.records import Verb

PAYER = Payer("001A", "Acme", "ap@acme.example", address=(("country", "DE"),), tax_number="DE 123456789")
MINE = "eu_vat:DE123456789"


def customer(*names: str) -> Customer:
    return Customer(id="cus_1", address={"country": "DE"}, metadata={TAX_IDS: ",".join(names)} if names else {})


def there(*values: str) -> list[TaxId]:
    return [TaxId(id=f"txi_{n}", type="eu_vat", value=value) for n, value in enumerate(values, 1)]


def planned(payer, known, found):
    wanted = desire_tax_ids(payer, known, found)
    plan = diff([*wanted.objects], wanted.actual)
    return [(str(o.verb), o.action, o.remote_id or o.payload["value"]) for o in plan.operations], dict(wanted.metadata)


def test_a_number_is_made_once_and_said_to_be_ours():
    assert planned(PAYER, None, []) == ([(Verb.CREATE, "", "DE123456789")], {TAX_IDS: MINE})
    assert planned(PAYER, customer(MINE), there("DE123456789")) == ([], {})


def test_one_that_somebody_else_entered_is_neither_made_again_nor_ours():
    assert planned(PAYER, customer(), there("DE123456789")) == ([], {})
    without = replace(PAYER, tax_number=None)
    assert planned(without, customer(), there("DE123456789")) == ([], {})


def test_another_number_takes_the_place_of_ours_and_of_no_other():
    moved = replace(PAYER, tax_number="DE987654321")
    found = there("DE123456789", "DE555555555")
    both = "eu_vat:DE123456789,eu_vat:DE987654321"
    assert planned(moved, customer(MINE), found) == (
        [(Verb.CREATE, "", "DE987654321"), (Verb.ACT, "delete", "txi_1")],
        {TAX_IDS: both},
    )
    after = there("DE987654321", "DE555555555")
    assert planned(moved, customer(*both.split(",")), after) == ([], {TAX_IDS: "eu_vat:DE987654321"})


def test_clearing_the_field_takes_ours_off_and_a_number_that_is_none_changes_nothing():
    cleared = replace(PAYER, tax_number=None)
    assert planned(cleared, customer(MINE), there("DE123456789")) == ([(Verb.ACT, "delete", "txi_1")], {})
    assert planned(cleared, customer(MINE), []) == ([], {TAX_IDS: ""})
    wrong = replace(PAYER, tax_number="DE1")
    assert planned(wrong, customer(MINE), there("DE123456789")) == ([], {})
