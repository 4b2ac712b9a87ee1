"""What a row of usage says, and why it is not taken."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sync.facts import Invoice, Item, Line, Meter, Price, Subscription
from sync.usage.files import NotUsage, lines_of, read_file
from sync.usage.rows import Refusal, UsageRow, read_row, timely
from sync.usage.standing import Known, is_current, meter_meant, miscounted, unbillable
from sync.usage.windows import Window

NOON = datetime(2026, 6, 20, 12, tzinfo=UTC)
GOOD = {
    "identifier": "1",
    "event": "call",
    "customer": "cus_1",
    "quantity": 3,
    "timestamp": "2026-06-20T14:00:00+02:00",
}


def test_a_row_says_who_used_how_much_of_what_and_when() -> None:
    assert read_row({**GOOD, "account": "", "product": None}, source="router") == UsageRow(
        "router", "1", 3, NOON, event="call", customer="cus_1"
    )
    assert read_row({k: str(v) for k, v in GOOD.items()} | {"source": "own"}).key == ("own", "1")  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"qty": 3}, "unknown_column"),
        ({"identifier": " "}, "incomplete"),
        ({"event": ""}, "incomplete"),
        ({"product": "01t1"}, "incomplete"),
        ({"account": "0011"}, "incomplete"),
        ({"customer": ["cus_1"]}, "incomplete"),
        ({"customer": "c" * 256}, "incomplete"),
        ({"identifier": "é"}, "bad_identifier"),
        ({"source": "a:b"}, "bad_source"),
        ({"quantity": -1}, "bad_quantity"),
        ({"quantity": 1.5}, "bad_quantity"),
        ({"quantity": "1e3"}, "bad_quantity"),
        ({"quantity": "٣"}, "bad_quantity"),
        ({"quantity": True}, "incomplete"),
        ({"quantity": 10**15}, "bad_quantity"),
        ({"timestamp": "2026-06-20T12:00:00"}, "bad_timestamp"),
        ({"timestamp": "yesterday"}, "bad_timestamp"),
        ({"timestamp": 1781956800}, "bad_timestamp"),
        ({"timestamp": "0001-01-01T00:00:00+14:00"}, "bad_timestamp"),
    ],
)
def test_a_row_that_is_not_whole_is_refused(change: dict[str, object], reason: str) -> None:
    found = read_row({**GOOD, **change})
    assert isinstance(found, Refusal)
    assert found.reason == reason


def test_an_id_of_15_characters_as_reports_show_it_names_the_same_account_as_the_whole_one() -> None:
    short, whole = "001gL00000E0ugM", "001gL00000E0ugMQAR"
    mistyped = "001gL00000E0ugMQAX"
    found = [read_row({**GOOD, "customer": "", "account": name}) for name in (short, whole, mistyped)]
    assert [getattr(one, "account", None) for one in found] == [whole, whole, mistyped]


def row(at: datetime = NOON, **named: str) -> UsageRow:
    words = {"event": "call", "customer": "cus_1", **named}
    return UsageRow("default", "1", 3, at, **words)


def test_stripe_takes_the_past_35_days_and_five_minutes_ahead() -> None:
    late, early = timedelta(days=-35), timedelta(minutes=5)
    second = timedelta(seconds=1)
    found = [timely(row(NOON + step), NOON) for step in (late - second, late, early, early + second)]
    assert [one and one.reason for one in found] == ["late", None, None, "early"]


def test_no_two_rows_have_one_name_in_stripe() -> None:
    names = {
        UsageRow(source, identifier, 1, NOON).stripe_identifier
        for source, identifier in (("a", "b:c"), ("a.b", "c"), ("a", "b"), ("a", "x" * 99), ("a", "x" * 100))
    }
    assert len(names) == 5
    assert max(map(len, names)) <= 100


def test_a_file_is_csv_or_json_lines() -> None:
    csv = [
        "\ufeffidentifier,event,customer,quantity,timestamp\n",
        "\n",
        "1,call,cus_1,3,2026-06-20T12:00:00Z\n",
        "2,call\n",
    ]
    json = [
        '{"identifier": "1", "event": "call", "customer": "cus_1", "quantity": 3, "timestamp": "2026-06-20T12:00:00Z"}',
        "3",
    ]
    for lines, bad in ((csv, 4), (json, 2)):
        [(_, good), (number, refused)] = read_file(lines, source="default")
        assert good == row()
        assert (number, getattr(refused, "reason", None)) == (bad, "incomplete")


TWICE = "identifier,event,customer,quantity,quantity,timestamp"


@pytest.mark.parametrize("heading", ["", "identifier,quantity,timestamp", TWICE, "a;b"])
def test_a_file_that_is_no_usage_is_refused_whole(heading: str) -> None:
    with pytest.raises(NotUsage):
        list(read_file([heading] if heading else [], source="default"))


@pytest.mark.parametrize(
    ("saved", "words"),
    [
        (b"identifier;event;customer;quantity;timestamp\n", 'separated by ";"'),
        (b"identifier\tevent\tcustomer\tquantity\ttimestamp\n", "separated by tabs"),
        ("identifier,event,customer,quantity,timestamp\n".encode("utf-16"), "UTF-8"),
    ],
)
def test_a_file_that_a_spreadsheet_saved_otherwise_is_told_how_to_save_it(saved: bytes, words: str) -> None:
    with pytest.raises(NotUsage, match=words):
        list(read_file([saved.decode("utf-8", "replace")], source="default"))


def test_a_quotation_mark_without_its_other_hides_no_row() -> None:
    lines = [
        "identifier,event,customer,quantity,timestamp\r\n",
        '1,"call,cus_1,3,2026-06-20T12:00:00Z\r\n',
        '2,"call","cus_1",3,2026-06-20T12:00:00Z\r\n',
        ",,,,\r\n",
        '3,call,cus_1,"3,2026-06-20T12:00:00Z\r\n',
        "4,call,cus_1,3,2026-06-20T12:00:00Z",
    ]
    found = [(n, getattr(r, "reason", None) or r.identifier) for n, r in read_file(lines, source="default")]  # type: ignore[union-attr]
    assert found == [(2, "incomplete"), (3, "2"), (5, "incomplete"), (6, "4")]


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_a_line_without_an_end_is_refused_alone_and_never_held_whole(tmp_path: Path, ends: str) -> None:
    good = "1,call,cus_1,3,2026-06-20T12:00:00Z"
    file = tmp_path / "june.csv"
    text = ends.join(["identifier,event,customer,quantity,timestamp", "x" * 3_000_000, good, "y" * 10_000, good, ""])
    file.write_text(text, encoding="utf-8", newline="")
    with file.open(encoding="utf-8", newline="") as opened:
        assert max(map(len, lines_of(opened))) <= 10_002
    with file.open(encoding="utf-8", newline="") as opened:
        found = [(n, getattr(r, "reason", None)) for n, r in read_file(lines_of(opened), source="default")]
    assert found == [(2, "incomplete"), (3, None), (4, "incomplete"), (5, None)]
    with pytest.raises(NotUsage, match="first line is longer"):
        list(read_file(lines_of(io.StringIO("x" * 50_000)), source="default"))


def test_a_row_that_is_no_text_is_refused_alone() -> None:
    lines = [
        b"identifier,event,customer,quantity,timestamp\n",
        "1,call,Z\u00fcrich,3,2026-06-20T12:00:00Z\n".encode("latin-1"),
        b"2,call,cus_1,3,2026-06-20T12:00:00Z\n",
        b"3\x00,call,cus_1,3,2026-06-20T12:00:00Z\n",
    ]
    found = [row for _, row in read_file((line.decode("utf-8", "replace") for line in lines), source="default")]
    assert [getattr(row, "message", None) for row in found] == [
        "customer: holds what is no text in UTF-8.", None, "identifier: holds what is no text in UTF-8."
    ]  # fmt: skip


# ---------------------------------------------------------------- whether it can be billed

METER = Meter(id="mtr_1", event_name="call", status="active")
PRICE = Price(id="price_1", product="prod_1", meter="mtr_1", metadata={"salesforce_product_id": "01t1"})


def stamp(day: str) -> int:
    return int(datetime.fromisoformat(f"{day}T00:00:00+00:00").timestamp())


def plan(start: str = "2026-06-01", end: str = "2026-07-01", **more: object) -> Subscription:
    item = Item(id="si_1", price=PRICE, period_start_s=stamp(start), period_end_s=stamp(end))
    first = {"start_date_s": stamp("2026-05-01"), "status": "active", **more}
    return Subscription(id="sub_1", customer="cus_1", items=(item,), **first)  # type: ignore[arg-type]


def added(at: str, **more: Any) -> Subscription:
    """A plan of May whose price by use was added at this moment."""
    made = plan(created_s=stamp("2026-05-01"), **more)
    at_s = int(datetime.fromisoformat(f"{at}+00:00").timestamp())
    return made.model_copy(update={"items": (made.items[0].model_copy(update={"created_s": at_s}),)})


def known(*plans: Subscription, drafts: tuple[Invoice, ...] = (), windows: tuple[Window, ...] = ()) -> Known:
    return Known("cus_1", plans, drafts, {PRICE.id: PRICE}, windows)


def why(at: str, of: Known, now: str = "2026-06-20", *, accepted: bool = False) -> str | None:
    then = datetime.fromtimestamp(stamp(now), UTC)
    found = unbillable(row(datetime.fromtimestamp(stamp(at), UTC)), METER, of, then, accepted=accepted)
    return found.reason if found else None


def test_a_use_is_billed_in_the_period_that_runs_and_in_one_whose_invoice_is_a_draft() -> None:
    assert [why(day, known(plan())) for day in ("2026-04-30", "2026-05-31", "2026-06-01")] == [
        "not_billed", "period_billed", None,
    ]  # fmt: skip
    line = Line(amount_minor=0, price=PRICE.id, period_start_s=stamp("2026-05-01"), period_end_s=stamp("2026-06-01"))
    draft = Invoice(id="in_1", customer="cus_1", status="draft", lines=(line,))
    assert why("2026-05-31", known(plan(), drafts=(draft,))) is None


def test_nothing_bills_what_is_used_after_the_end_or_by_another_meter() -> None:
    ended = plan(status="canceled", ended_at_s=stamp("2026-06-15"))
    assert [why(day, known(ended)) for day in ("2026-06-10", "2026-06-15")] == ["period_billed", "not_billed"]
    assert why("2026-06-10", known(plan(status="incomplete_expired"))) == "not_billed"
    other = Known("cus_1", [plan()], (), {})
    assert (
        unbillable(row(), Meter(id="mtr_2", event_name="call", status="active"), other, row().happened_at) is not None
    )


def test_of_a_time_that_ended_inside_a_cycle_use_is_taken_until_its_window_closes() -> None:
    ended = plan(status="canceled", ended_at_s=stamp("2026-06-15"))
    first, end, closes = (datetime.fromtimestamp(stamp(day), UTC) for day in ("2026-06-01", "2026-06-15", "2026-06-18"))
    window = Window("Q1:Q2:2026-06-15:use:1", "Q1", "cus_1", "call", first, end, closes)
    late = known(ended, windows=(window,))
    assert [why("2026-06-14", late, now) for now in ("2026-06-17", "2026-06-18")] == [None, "period_billed"]
    assert why("2026-06-15", late, "2026-06-17") == "not_billed"  # there was no service any more
    assert why("2026-06-14", late, "2026-06-18", accepted=True) is None  # its invoice waits for it
    stated = known(ended, windows=(replace(window, stated=True),))
    assert why("2026-06-14", stated, "2026-06-17", accepted=True) == "period_billed"


def test_use_before_another_price_inside_a_cycle_is_not_taken_for_a_window_that_closed() -> None:
    first, swap, closes = (
        datetime.fromtimestamp(stamp(day), UTC) for day in ("2026-06-01", "2026-06-15", "2026-06-18")
    )
    window = Window("Q1:Q2:2026-06-15:use:1", "Q1", "cus_1", "call", first, swap, closes)
    dearer = known(plan(metadata={"tandem_deal": "Q1"}), windows=(window,))
    assert [why("2026-06-14", dearer, now) for now in ("2026-06-17", "2026-06-18")] == [None, "period_billed"]
    assert why("2026-06-15", dearer, "2026-06-18") is None  # the new price counts it
    beside = known(plan(), windows=(window,))
    assert why("2026-06-14", beside, "2026-06-18") is None  # another subscription bills it


def test_what_was_used_before_its_price_was_added_inside_a_cycle_nothing_bills() -> None:
    late = known(added("2026-06-15T12:00:00"))
    assert [why(day, late) for day in ("2026-06-02", "2026-06-15", "2026-06-16")] == ["not_billed", "not_billed", None]
    told = unbillable(row(datetime(2026, 6, 2, tzinfo=UTC)), METER, late, NOON)
    assert told is not None
    assert "from 2026-06-15 12:00Z on" in told.message
    before = known(added("2026-05-10T12:00:00"))  # in the cycle before
    assert [why(day, before) for day in ("2026-05-09", "2026-05-20", "2026-06-02")] == [
        "not_billed", "period_billed", None,
    ]  # fmt: skip
    beside = known(added("2026-06-15T12:00:00"), plan())
    assert why("2026-06-02", beside) is None  # another subscription bills it
    by_phase = known(added("2026-06-01T00:10:00", schedule="sub_sched_1"))
    assert why("2026-06-01", by_phase) is None  # Stripe was late to enter the phase
    back_dated = plan(created_s=stamp("2026-06-15"))
    made_with = back_dated.items[0].model_copy(update={"created_s": stamp("2026-06-15")})
    assert why("2026-06-02", known(back_dated.model_copy(update={"items": (made_with,)}))) is None


def test_a_plan_that_is_paused_bills_nothing_that_is_used() -> None:
    paused = plan(status="paused")
    assert [why(day, known(paused)) for day in ("2026-06-02", "2026-06-19")] == ["not_billed"] * 2
    assert why("2026-06-19", known(paused, plan())) is None  # another subscription bills it
    assert why("2026-06-19", known(plan(paused=True))) is None  # only its collection is: its invoices are made


@pytest.mark.parametrize(
    "end",
    [{"cancel_at_s": stamp("2026-06-25")}, {"cancel_at_period_end": True, "end": "2026-06-25"}],
)
def test_what_is_stamped_from_the_second_of_a_planned_end_on_nothing_bills(end: dict[str, Any]) -> None:
    ends = known(plan(**end))
    last = datetime.fromtimestamp(stamp("2026-06-25") - 1, UTC)
    assert unbillable(row(last), METER, ends, last) is None
    ahead = unbillable(row(last + timedelta(seconds=1)), METER, ends, last)
    assert ahead is not None
    assert ahead.reason == "not_billed"


def test_what_was_known_before_a_period_ended_is_not_believed() -> None:
    assert is_current(known(plan()), stamp("2026-06-30"))
    assert not is_current(known(plan()), stamp("2026-07-01"))


def test_a_meter_that_counts_events_is_told_of_one_at_a_time() -> None:
    counts = METER.model_copy(update={"formula": "count"})
    said = {n: miscounted(replace(row(), quantity=n), counts) for n in (0, 1, 3)}
    assert {n: found and found.reason for n, found in said.items()} == {0: "bad_quantity", 1: None, 3: "bad_quantity"}
    assert miscounted(replace(row(), quantity=3), METER) is None


def test_a_product_names_the_meter_by_which_its_customer_is_billed() -> None:
    for product in ("01t1", "prod_1"):
        assert meter_meant(row(event="", product=product), known(plan()), [METER]) is METER
    for product, meters in (
        ("01t2", [METER]),
        ("01t1", []),
        ("01t1", [METER.model_copy(update={"status": "inactive"})]),
    ):
        found = meter_meant(row(event="", product=product), known(plan()), meters)
        assert isinstance(found, Refusal)
        assert found.reason == "unknown_meter"
