"""The catalogue of codes: complete, sorted into three classes, and every message says whether money moved."""

import pytest

from sync import catalogue
from sync.errors import Terminal, Transient, Unsafe
from sync.headlines import OF_NO_RECORD


def test_all_forty_codes_and_ours_are_there():
    expected = [f"DATA-{n}" for n in range(201, 221)] + [f"CONF-{n}" for n in range(301, 312)]
    expected += [f"TEMP-{n}" for n in range(401, 408)] + [f"BUG-{n}" for n in range(501, 504)]
    assert set(expected) <= set(catalogue.CATALOGUE)


@pytest.mark.parametrize(
    ("prefix", "error"), [("DATA", Terminal), ("CONF", Terminal), ("TEMP", Transient), ("BUG", Unsafe)]
)
def test_the_class_follows_from_the_code(prefix, error):
    assert {e.error for e in catalogue.CATALOGUE.values() if e.code.startswith(prefix)} == {error}


@pytest.mark.parametrize("code", catalogue.CATALOGUE)
def test_every_message_fills_its_slots_and_ends_with_whether_anything_was_charged(code):
    slots = {name: f"<{name}>" for name in catalogue.entry(code).slots}
    words = catalogue.message(code, "Seen here.", **slots)
    assert words.endswith("Seen here. Nothing was charged.")
    assert all(value in words for value in slots.values())
    assert "{" not in words


@pytest.mark.parametrize("code", catalogue.CATALOGUE)
def test_of_no_record_in_particular_a_code_says_a_whole_sentence(code):
    entry = catalogue.entry(code)
    assert not set("{}…") & set(entry.plainly)
    assert entry.plainly.endswith(".")
    assert (entry.plainly != entry.headline) == bool(entry.slots)


def test_every_code_that_says_something_of_no_record_is_one_of_the_catalogue():
    assert set(OF_NO_RECORD) <= set(catalogue.CATALOGUE)


def test_without_a_detail_the_fix_is_said():
    assert "Complete what is named." in catalogue.message("DATA-215")


def test_an_unknown_code_is_a_bug_loudly():
    assert catalogue.entry("DATA-999").code == "BUG-502"


def test_a_refusal_waits_for_its_own_record_and_the_others_once_each():
    refusal = catalogue.refusal("DATA-215", "x", record_id="a", blocked_on=("b", "a", ""))
    assert refusal.blocked_on == ("a", "b")
