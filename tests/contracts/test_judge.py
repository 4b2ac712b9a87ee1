"""The judge finds what it is there to find; a verdict that can't be bad would be worth nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.contracts import judge

PRICE = "/v1/prices"


def line(**over: Any) -> str:
    """A sound exchange of Tandem with Stripe, changed as told."""
    params = {"currency": "usd", "unit_amount_decimal": "100.5", "product": "prod_1"}
    sound = {
        "seq": 1, "at": "2026-01-01T00:00:00Z", "system": "stripe", "client": "Tandem/1", "method": "POST", "path": PRICE,
        "params": params, "idempotency_key": "k", "status": 400, "response": None, "effect": False,
    }  # fmt: skip
    return json.dumps({**sound, **over}, separators=(",", ":"))


def test_sound_exchange_is_counted_and_not_complained_about() -> None:
    verdict = judge.judge([line(), line(client="jsforce")])
    assert verdict.errors == {}
    assert (verdict.judged["POST /v1/prices"], verdict.by_tandem["POST /v1/prices"]) == (2, 1)


def test_unknown_parameter_and_unknown_endpoint_are_errors() -> None:
    verdict = judge.judge([line(params={"colour": "red", "currency": "usd"}), line(path="/v1/pricez")])
    assert len(verdict.errors) >= 2


def test_bad_answer_is_an_error() -> None:
    answer = {"object": "price", "id": "price_1", "active": "perhaps"}
    assert judge.judge([line(status=200, response=answer)]).errors


def test_exchanges_of_one_shape_are_counted_each() -> None:
    bad = [line(seq=n, params={"colour": f"{n}", "currency": "usd"}) for n in range(5)]
    assert set(judge.judge(bad).errors.values()) == {5}


def test_too_many_decimals_are_seen_behind_a_number_of_fewer() -> None:
    fine = line()
    params = {"currency": "usd", "unit_amount_decimal": "100.1234567890123", "product": "prod_1"}
    assert judge.judge([fine, line(params=params)]).errors


def test_secret_in_a_line_of_either_side_is_an_error() -> None:
    assert judge.judge([line(params={"currency": "usd", "product": "sk_test_abcdefgh"})]).errors
    assert judge.judge([line(system="salesforce", params={"q": "Bearer 00D1!abc"})]).errors


def test_endpoint_never_called_by_tandem_fails_a_whole_run_only() -> None:
    verdict = judge.judge([line(client="harness")])
    assert any("POST /v1/prices" in text for text in judge.report(verdict, partial=False))
    assert judge.report(verdict, partial=True) == []


def test_nothing_judged_fails(tmp_path: Path) -> None:
    assert judge.main([str(tmp_path)]) == 1


def test_whole_verdict_is_bad_when_anything_is(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(line() + "\n", encoding="utf-8")
    assert judge.main(["--partial", str(tmp_path)]) == 0
    (tmp_path / "b.jsonl").write_text(line(path="/v1/pricez") + "\n", encoding="utf-8")
    assert judge.main(["--partial", str(tmp_path)]) == 1
