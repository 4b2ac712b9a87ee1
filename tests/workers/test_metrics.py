"""Rows of the store as Prometheus text."""

from __future__ import annotations

import math

import pytest
from prometheus_client.parser import text_string_to_metric_families

from workers.metrics import TOLD, Metrics, Row


def samples(rows: list[Row]) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    text = Metrics({"version": "1"}).text(rows).decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_number_stands_under_its_name_and_labels() -> None:
    found = samples([("jobs", ["deal", "due"], None, 3.0, None), ("ended", ["deal", "quote", "done"], None, 7.0, None)])
    assert found["tandem_queue_jobs", (("lane", "deal"), ("state", "due"))] == 3
    assert found["tandem_jobs_total", (("kind", "quote"), ("lane", "deal"), ("outcome", "done"))] == 7


def test_buckets_come_in_order_with_their_count_and_sum() -> None:
    told = [("quote_seconds", [], upto, value, 4321.0) for upto, value in ((math.inf, 9.0), (60.0, 2.0), (300.0, 5.0))]
    found = samples(list(told))
    name = "tandem_quote_to_subscription_seconds"
    assert [found[f"{name}_bucket", (("le", le),)] for le in ("60.0", "300.0", "+Inf")] == [2, 5, 9]
    assert (found[f"{name}_count", ()], found[f"{name}_sum", ()]) == (9, 4321)


def test_what_the_store_did_not_tell_is_absent_and_not_zero() -> None:
    names = {name for name, _ in samples([])}
    assert "tandem_build_info" in names
    assert not {name for name in names if name.startswith("tandem_salesforce_quota")}


def test_every_metric_has_a_name_of_its_own_in_base_units() -> None:
    names = [told.name for told in TOLD.values()]
    assert len(set(names)) == len(names)
    for told in TOLD.values():
        assert told.name.startswith("tandem_")
        assert told.name.endswith("_total") is (told.kind == "counter"), told.name
        assert not {"id", "key", "subject"} & set(told.labels)


def test_a_row_that_nobody_named_is_a_fault() -> None:
    with pytest.raises(KeyError):
        Metrics({"version": "1"}).text([("nobody", [], None, 1.0, None)])
