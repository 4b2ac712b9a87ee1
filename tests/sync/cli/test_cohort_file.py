"""The file of a cohort: what can't be read is said line by line, and then nothing is taken."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from sync.cli.cohort_file import read_members
from sync.cli.exits import Misused
from tests.sync.cli.conftest import Tandem

GOOD = "0Q0gL00000nz9hdSAA,2026-10-14,4800.00,USD"


def written(tmp_path: Path, *rows: str, heading: str = "quote,paid_through,legacy_amount,currency") -> Path:
    file = tmp_path / "c2.csv"
    file.write_text("\n".join((heading, *rows)), encoding="utf-8")
    return file


def test_amounts_are_minor_units_of_their_currency_and_days_are_days(tmp_path: Path) -> None:
    yen = "0Q0gL00000nz9heSAA,2026-10-14,4800,JPY"
    first, second = read_members(written(tmp_path, GOOD, yen), "C2")
    assert (first.legacy_minor, second.legacy_minor) == (480_000, 4_800)
    assert (first.cohort, first.paid_through) == ("C2", date(2026, 10, 14))


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("0Q0short,2026-10-14,1,USD", "no id of a quote"),
        ("0Q0gL00000nz9heSAA,14.10.2026,1,USD", "no day"),
        ("0Q0gL00000nz9heSAA,2026-02-30,1,USD", "no day"),
        ("0Q0gL00000nz9heSAA,2026-10-14,1.001,USD", "no amount of USD"),
        ("0Q0gL00000nz9heSAA,2026-10-14,NaN,USD", "no amount of USD"),
        ("0Q0gL00000nz9heSAA,2026-10-14,Infinity,USD", "no amount of USD"),
        ("0Q0gL00000nz9heSAA,2026-10-14,-1,USD", "below zero"),
        ("0Q0gL00000nz9heSAA,2026-10-14,,USD", "no amount of USD"),
        ("0Q0gL00000nz9heSAA,2026-10-14,1,usd", "three capitals"),
        ("0Q0gL00000nz9heSAA", "three capitals"),
        (GOOD, "stands in it twice"),
    ],
)
def test_a_bad_line_is_named_and_nothing_is_taken(tmp_path: Path, row: str, words: str) -> None:
    with pytest.raises(Misused) as refused:
        read_members(written(tmp_path, GOOD, row), "C2")
    assert words in str(refused.value)
    assert "nothing was taken" in str(refused.value)


def test_a_file_without_its_heading_or_without_a_line_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misused, match="lacks currency"):
        read_members(written(tmp_path, GOOD, heading="quote,paid_through,legacy_amount"), "C2")
    with pytest.raises(Misused, match="no contract"):
        read_members(written(tmp_path), "C2")


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "c2.csv"
    file.write_bytes(b"quote,paid_through\xff\xfe")
    with pytest.raises(Misused, match="UTF-8"):
        read_members(file, "C2")


def test_the_verbs_say_what_is_not_there(tandem: Tandem, tmp_path: Path) -> None:
    assert tandem("migrate", "plan", str(written(tmp_path, GOOD)), "--cohort", "C2").code == 1  # no such quote
    assert tandem("migrate", "plan", str(tmp_path / "none.csv"), "--cohort", "C2").code == 2
    assert tandem("migrate", "shadow", "--cohort", "C9").code == 3
    assert tandem("migrate", "cut", "--cohort", "C9").code == 3
    assert tandem("migrate", "status").code == 3
    assert tandem("migrate", "rollback", "--cohort", "C9").code == 3
    assert tandem("migrate", "accept", "0Q0gL00000nz9hdSAA", "--reason", "so").code == 5
