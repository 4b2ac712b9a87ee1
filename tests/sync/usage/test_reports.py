"""What Stripe reports of usage that it did not count, read from whole events and nothing else."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

import pytest

from sync.notices import NotAnEvent, notice_of_event
from sync.ports import Mark, Notice
from sync.run.intake import route
from sync.usage.reports import NoReport, Wrong, report_of

EVENT: dict[str, Any] = {
    "id": "evt_test_1",
    "object": "v2.core.event",
    "type": "v1.billing.meter.error_report_triggered",
    "created": "2026-06-20T12:01:00.000Z",
    "livemode": False,
    "related_object": {"id": "mtr_1", "type": "billing.meter", "url": "/v1/billing/meters/mtr_1"},
    "data": {
        "developer_message_summary": "There are 3 invalid events",
        "reason": {
            "error_count": 3,
            "error_types": [
                {
                    "code": "archived_meter",
                    "error_count": 3,
                    "sample_errors": [
                        {"error_message": "x", "request": {"identifier": "default:a"}},
                        {"error_message": "x", "request": {"identifier": "default:a"}},
                        {"error_message": "x", "request": {}},
                    ],
                }
            ],
        },
        "validation_start": "2026-06-20T12:00:00.000Z",
        "validation_end": "2026-06-20T12:01:00.000Z",
    },
}


def test_a_report_says_how_many_and_names_some() -> None:
    report = report_of(EVENT)

    assert (report.id, report.meter, report.at) == ("evt_test_1", "mtr_1", datetime(2026, 6, 20, 12, 1, tzinfo=UTC))
    assert report.wrong == (Wrong("archived_meter", 3, ("default:a",)),)
    assert "its meter is archived in Stripe" in report.wrong[0].words


def test_a_reason_that_nobody_knows_yet_is_told_by_its_code() -> None:
    assert "sunspots" in Wrong("sunspots", 1, ()).words


def test_a_report_about_no_meter_names_none() -> None:
    assert report_of({**EVENT, "type": "v1.billing.meter.no_meter_found", "related_object": None}).meter == ""


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("data",), None),
        (("data", "reason"), "no"),
        (("data", "reason", "error_types"), None),
        (("data", "reason", "error_types"), "text"),
        (("data", "reason", "error_types", 0), 7),
        (("data", "reason", "error_types", 0, "error_count"), "3"),
        (("created",), None),
        (("created",), "2026-06-20T12:01:00"),
        (("created",), "soon"),
    ],
)
def test_another_shape_is_said_and_never_guessed(path: tuple[str | int, ...], value: object) -> None:
    event: Any = copy.deepcopy(EVENT)
    at = event
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value

    with pytest.raises(NoReport):
        report_of(event)


def test_a_thin_event_is_a_notice_that_makes_its_report_due_once() -> None:
    thin = {name: value for name, value in EVENT.items() if name != "data"}

    notice = notice_of_event(thin, "stripe:acct_1", body="{}")

    assert (notice.external_id, notice.object_kind, notice.object_id) == ("evt_test_1", "billing.meter", "mtr_1")
    stored = Notice(**vars(notice), id=1)
    assert list(route(stored, settle_s=5.0)) == [Mark("usage_report:evt_test_1", "mirror", "")]
    assert notice_of_event(EVENT, "stripe:acct_1").external_id == notice.external_id


def test_thin_events_of_other_kinds_are_stored_and_make_nothing_due() -> None:
    other = {"id": "evt_2", "object": "v2.core.event", "type": "v2.core.account.created", "related_object": None}

    notice = notice_of_event(other, "stripe:acct_1")

    assert list(route(Notice(**vars(notice), id=1), settle_s=0)) == []


@pytest.mark.parametrize("missing", ["id", "type"])
def test_a_thin_event_without_a_name_is_none(missing: str) -> None:
    with pytest.raises(NotAnEvent, match=missing):
        notice_of_event({**EVENT, missing: None}, "stripe:acct_1")
