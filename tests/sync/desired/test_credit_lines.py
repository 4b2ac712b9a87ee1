"""Crediting a taxed invoice: lines of its own, said without tax, that give their tax back too."""

from sync.desired.credit_lines import before_tax, credited, with_tax, worth
from sync.facts import CreditNote, Invoice, Line

ON_TOP = Line(id="il_1", amount_minor=10_010, added_tax_minor=826, period_start_s=0, period_end_s=100)
INSIDE = Line(id="il_1", amount_minor=10_011, included_tax_minor=910, period_start_s=0, period_end_s=100)


def taxed(*lines: Line) -> Invoice:
    added = sum(line.added_tax_minor for line in lines)
    net = sum(line.net_minor for line in lines)
    return Invoice(id="in_1", lines=lines, total_minor=net + added, added_tax_minor=added, tax_status="complete")


def test_an_untaxed_invoice_is_credited_by_a_line_of_its_own():
    found = credited(Invoice(id="in_1", lines=(ON_TOP,)), 500, "Not used", (0, 50), ())
    assert (found.amount, found.total, found.metadata) == (500, 500, {})
    [line] = found.lines
    assert line == {"type": "custom_line_item", "description": "Not used", "quantity": 1, "unit_amount": 500}


def test_tax_on_top_comes_back_beside_what_is_credited():
    found = credited(taxed(ON_TOP), 5_000, "", (0, 50), ())
    assert found.lines == ({"type": "invoice_line_item", "invoice_line_item": "il_1", "amount": 5_000},)
    assert (found.amount, found.total, found.metadata) == (5_000, 5_413, {"tandem_before_tax": "5000"})
    whole = credited(taxed(ON_TOP), 10_010, "", (0, 50), ())
    assert whole.total == taxed(ON_TOP).total_minor


def test_tax_inside_is_left_out_of_what_is_sent_and_is_in_what_comes_back():
    [line] = credited(taxed(INSIDE), 10_011, "", (0, 50), ()).lines
    assert line["amount"] == 9_101
    assert credited(taxed(INSIDE), 10_011, "", (0, 50), ()).total == 10_011


def test_no_line_gives_more_than_it_has_left_and_those_of_the_time_come_first():
    other = Line(id="il_2", amount_minor=100, period_start_s=200, period_end_s=300)
    given = CreditNote(id="cn_1", lines=(("il_2", 40),), status="issued")
    void = CreditNote(id="cn_2", lines=(("il_1", 10_010),), status="void")
    found = credited(taxed(ON_TOP, other), 10_100, "", (200, 250), (given, void))
    assert [(x["invoice_line_item"], x["amount"]) for x in found.lines] == [("il_2", 60), ("il_1", 10_010)]
    assert found.amount == 10_070


def test_amounts_with_tax_and_without_are_kept_apart():
    invoice = taxed(ON_TOP)
    assert (before_tax(invoice, 5_413), before_tax(Invoice(id="in_2", total_minor=9), 5)) == (5_000, 5)
    assert with_tax(5_000, [invoice]) == 5_413
    assert (worth({"tandem_before_tax": "5000"}, 5_413), worth({}, 5_413)) == (5_000, 5_413)
