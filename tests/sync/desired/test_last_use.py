"""Use that we bill ourselves, as invoices: measured once, whatever is repeated."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from sync.deal.calendar import seconds
from sync.deal.timeline import tracks
from sync.desired.keys import KEY, USED
from sync.desired.last_use import Uses, is_use, said_uses, uses_of, with_invoices
from sync.desired.made import Made
from sync.desired.subscription import desire
from sync.facts import Invoice, Line
from sync.records import Desired
from tests.sync.deal.deals import at
from tests.sync.deal.factory import a_cancellation, a_deal, a_line, a_usage

NOW = at("2026-02-16T12")
DEAL = a_cancellation(a_deal(a_line(1), a_usage(2)), date(2026, 2, 16), now=at("2026-02-16"))
QUOTE = DEAL.changes[-1].quote_id
KEY_OF_IT = f"{DEAL.key}:{QUOTE}:2026-02-16:use"
ASKED = ("resolution", at("2026-02-01"), at("2026-02-16"))


def uses(*invoices: Invoice) -> Uses:
    came = (seconds(at("2026-03-01")), seconds(at("2026-02-16T01")))
    done = {t.key: Made(seconds(at("2026-01-01")), seconds(at("2025-12-05")), {QUOTE: came}) for t in tracks(DEAL)}
    return with_invoices(DEAL, uses_of(DEAL, done, NOW, timedelta(hours=1)), invoices)


def stands(status: str, *lines: Line) -> Invoice:
    return Invoice(id="in_1", status=status, metadata={KEY: KEY_OF_IT}, lines=lines)


def shape(found: list[Desired]) -> list[tuple[str, Any]]:
    return [(one.ref.kind, one.create.get("amount", one.compare.get("subtotal"))) for one in found]


def test_what_was_counted_is_one_item_that_says_how_much_on_an_invoice_of_the_customer() -> None:
    assert uses().asked(NOW) == (ASKED,)
    invoice, item = uses().desire(NOW, {ASKED: 1_250})
    assert shape([invoice, item]) == [("invoice", 1_250 * 99), ("invoiceitem", 1_250 * 99)]
    assert (invoice.ref.key, item.ref.key, "subscription" in invoice.create) == (KEY_OF_IT, f"{KEY_OF_IT}:1", False)
    metadata: Any = item.create["metadata"]
    assert (metadata[USED], is_use({KEY: KEY_OF_IT})) == ("1250", True)
    assert item.create["description"] == "1,250 × Resolutions (1 Feb 2026 to 15 Feb 2026)"


def test_nothing_used_and_nothing_counted_make_no_invoice() -> None:
    assert uses().desire(NOW, {ASKED: 0}) == []
    assert uses().desire(NOW, {}) == []


def test_what_stands_on_a_draft_is_not_measured_again() -> None:
    item = Line(amount_minor=4_950, metadata={KEY: f"{KEY_OF_IT}:1"})
    half, whole = uses(stands("draft")), uses(stands("draft", item))
    assert (half.asked(NOW), whole.asked(NOW)) == ((ASKED,), ())
    assert shape(whole.desire(NOW, {})) == [("invoice", 4_950), ("invoiceitem", 4_950)]


def test_an_invoice_that_went_out_is_done_also_a_void_one() -> None:
    for status in ("open", "paid", "void", "uncollectible"):
        assert uses(stands(status)).due(NOW) == ()
        assert uses(stands(status)).desire(NOW, {ASKED: 9}) == []


def test_it_falls_due_when_stripe_has_summed_what_came_within_the_grace() -> None:
    assert uses().wake_at(at("2026-02-16T02")) == at("2026-02-16T02") + timedelta(minutes=10)
    assert uses().due(at("2026-02-16T02")) == ()
    assert said_uses(uses().dues, QUOTE, DEAL) == [
        "What is used of Resolutions until 15 Feb 2026 is billed by what was counted, on 16 Feb 2026"
    ]


def test_use_of_a_deal_that_is_over_is_counted_cycle_by_cycle_an_hour_after_it_came() -> None:
    now = at("2026-05-10")
    deal = a_deal(a_usage(), term_months=2, now=now)
    [due] = uses_of(deal, {}, now, timedelta(hours=1))
    assert (due.alone, due.at, due.key) == (True, at("2026-05-10T01"), f"{deal.key}:begun:use")
    assert [(one.start, one.end) for one in due.used] == [
        (date(2026, 1, 1), date(2026, 2, 1)), (date(2026, 2, 1), date(2026, 3, 1)),
    ]  # fmt: skip
    assert uses_of(deal, {}, at("2027-05-10"), timedelta(hours=1)) == (due,)
    [said] = said_uses([due], deal.quote_id, deal, is_new=True)
    assert said.startswith("What is used of Resolutions until 28 Feb 2026")
    assert "not owed" in said
    assert desire(deal, now).objects == ()
