"""What an error message repeats of a server's log."""

from __future__ import annotations

from pathlib import Path

from workers.embedded.process import tail

LOG = """tandem starts /pg/postgres, /proc/self/fd/5 is /srv/home/postgres
LOG:  database system is shut down
tandem starts /pg/postgres, /proc/self/fd/5 is /srv/my, home/postgres, /proc/self/fd/51 is /srv/run
FATAL:  data directory "/proc/self/fd/5" has invalid permissions
HINT:  see /proc/self/fd/51/x
"""


def test_the_words_of_earlier_starts_are_left_out_and_folders_have_their_names(tmp_path: Path) -> None:
    log = tmp_path / "postgres.log"
    log.write_text(LOG)

    assert tail(log).splitlines() == [
        'FATAL:  data directory "/srv/my, home/postgres" has invalid permissions',
        "HINT:  see /srv/run/x",
    ]
    assert tail(log, lines=1) == "HINT:  see /srv/run/x"


def test_a_log_that_is_not_there_or_empty_says_nothing(tmp_path: Path) -> None:
    log = tmp_path / "postgres.log"
    assert tail(log) == ""
    log.write_text("")
    assert tail(log) == ""
