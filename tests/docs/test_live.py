"""``make live``: what it tries is what docs/assumptions.md says, and it never calls anybody with another key."""

from __future__ import annotations

import pytest

from tests.live import __main__ as live


def test_every_assumption_about_stripe_is_tried_or_said_to_be_settled_by_hand() -> None:
    by_hand = {number for number, (_, _, hand) in live.assumptions().items() if hand}

    assert set(live.tried()) == set(live.assumptions()) - by_hand


def test_without_a_key_it_says_what_it_would_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert live.main([], {}) == 0

    told = capsys.readouterr().out
    assert "nothing is called" in told
    for number in live.tried():
        assert f"\n{number} " in told
    assert "POST /v1/subscription_schedules" in told


@pytest.mark.parametrize(
    "key",
    ["sk_live_" + "x" * 24, "rk_live_" + "x" * 24, "pk_test_" + "x" * 24, "sk_test_", "sk_test_a b", "sk_test", "x"],
)
def test_another_key_is_refused_before_any_call(
    key: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def called(*_: object, **__: object) -> None:
        raise AssertionError("nothing may be run")

    monkeypatch.setattr(pytest, "main", called)
    assert live.main([], {live.VARIABLE: key}) == 2

    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == 1
    assert "xxx" not in told.err


def test_a_test_key_is_used_and_shown_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    handed: list[object] = []

    def run(arguments: list[str], plugins: list[object]) -> int:
        handed.extend([*arguments, *plugins])
        return 1

    monkeypatch.setattr(pytest, "main", run)
    key = "rk_test_" + "x" * 24
    assert live.main(["-k", "s09"], {live.VARIABLE: key}) == 1
    assert handed[-1] == live.Live(key)
    assert key not in repr(handed)
