"""What every verb does alike: help with examples, faults of usage and configuration, streams."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sync.cli.application import VERBS
from tests.sync.cli.conftest import Tandem

ROOT = Path(__file__).parents[3]

NAMES = [*VERBS, "db upgrade", "identity list", "identity link", "identity keep-apart"]


@pytest.mark.parametrize("name", NAMES)
def test_help_of_each_verb_has_an_example_json_and_yes(bare: Tandem, name: str) -> None:
    answer = bare(*name.split(), "--help")
    assert answer.code == 0
    assert "For example:" in answer.out
    assert f"tandem {name}" in answer.out
    assert "--json" in answer.out
    assert "--yes" in answer.out


def test_help_lists_the_verbs_of_this_release_and_no_other(bare: Tandem) -> None:
    out = bare("--help").out
    listed = set(re.findall(r"^│ (\w+) {2,}", out, re.MULTILINE))
    assert listed == {
        "demo",
        "up",
        "web",
        "worker",
        "scheduler",
        "drain",
        "sandbox",
        "check",
        "status",
        "preview",
        "sync",
        "explain",
        "migrate",
        "pause",
        "resume",
        "failures",
        "replay",
        "reconcile",
        "backfill",
        "backup",
        "restore",
        "timeline",
        "identity",
        "usage",
        "db",
    }


def test_version_is_one_line(bare: Tandem) -> None:
    answer = bare("--version")
    assert answer.code == 0
    assert re.fullmatch(r"tandem \S+\n", answer.out)


@pytest.mark.parametrize(
    "arguments",
    [
        ["nope"],
        ["status", "extra"],
        ["status", "--no-such"],
        ["replay", "--rate", "fast"],
        ["replay", "--rate", "0"],
        ["web", "--port", "70000"],
        ["preview"],
        ["backup"],
        ["restore"],
    ],
)
def test_wrong_usage_exits_2_and_says_so_on_stderr(bare: Tandem, arguments: list[str]) -> None:
    answer = bare(*arguments)
    assert answer.code == 2
    assert answer.out == ""
    assert "tandem: " in answer.err
    assert "Traceback" not in answer.err


def test_all_configuration_faults_are_listed_at_once(bare: Tandem, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BILLING_TIMEZONE", "Mars/Olympus")
    monkeypatch.setenv("PORT", "http")
    monkeypatch.setenv("TANDEM_NO_SUCH", "1")
    monkeypatch.setenv("STRIPE_API_KEY_FILE", "/nowhere/key")

    answer = bare("drain")

    assert answer.code == 2
    for name in ("BILLING_TIMEZONE", "PORT", "TANDEM_NO_SUCH", "STRIPE_API_KEY_FILE"):
        assert name in answer.err
    assert answer.out == ""


def test_a_sandbox_beside_a_live_key_is_refused_and_the_key_not_repeated(
    bare: Tandem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TANDEM_SANDBOX_URL", "http://127.0.0.1:1/x")
    monkeypatch.setenv("STRIPE_API_KEY", "sk_live_planted123")
    for arguments in (["drain"], ["status"], ["up", "--sandbox"], ["check", "--online"]):
        answer = bare(*arguments)
        assert answer.code == 2
        assert "STRIPE_API_KEY" in answer.err + answer.out
        assert "planted123" not in answer.err + answer.out


def test_missing_credentials_are_named_together(stored: Tandem) -> None:
    answer = stored("drain")
    assert answer.code == 2
    for name in ("STRIPE_API_KEY", "SALESFORCE_URL", "SALESFORCE_CLIENT_ID", "SALESFORCE_CLIENT_SECRET"):
        assert name in answer.err


def test_up_without_credentials_names_them_all_and_starts_nothing(
    bare: Tandem, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    answer = bare("up")
    assert answer.code == 2
    named = (
        "STRIPE_API_KEY",
        "STRIPE_WEBHOOK_SECRET",
        "SALESFORCE_URL",
        "SALESFORCE_CLIENT_ID",
        "SALESFORCE_CLIENT_SECRET",
    )
    for name in named:
        assert answer.err.count(f"{name}:") + answer.err.count(f"{name} (") == 1, answer.err
    assert "started" not in answer.err
    assert not (tmp_path / "home").exists()


def test_up_with_a_broken_mapping_starts_nothing(bare: Tandem, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TANDEM_MAPPINGS", str(tmp_path / "nowhere"))
    answer = bare("up", "--sandbox")
    assert answer.code == 2
    assert "TANDEM_MAPPINGS" in answer.err
    assert not (tmp_path / "home").exists()


def test_check_names_a_missing_webhook_secret_beside_other_missing_credentials(stored: Tandem) -> None:
    answer = stored("check")
    assert answer.code == 2
    assert "STRIPE_API_KEY" in answer.out
    assert "STRIPE_WEBHOOK_SECRET" in answer.out


def test_no_command_at_all_shows_the_help_and_no_empty_complaint(bare: Tandem) -> None:
    answer = bare()
    assert answer.code == 2
    assert "Commands" in answer.out
    assert not answer.err.rstrip().endswith("tandem:")


def test_a_broken_mapping_is_told_with_file_line_and_what_is_wrong(
    stored: Tandem, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "mappings").mkdir()
    (tmp_path / "mappings" / "quote.yaml").write_text("object: Quote\nrecord: CrmQuote\nfields:\n  - nonsense\n")
    monkeypatch.setenv("TANDEM_MAPPINGS", str(tmp_path / "mappings"))
    for name in ("STRIPE_API_KEY", "SALESFORCE_URL", "SALESFORCE_CLIENT_ID", "SALESFORCE_CLIENT_SECRET"):
        monkeypatch.setenv(name, "sk_test_x" if name == "STRIPE_API_KEY" else "http://127.0.0.1:9")

    answer = stored("drain")

    assert answer.code == 2
    assert re.search(r"quote\.yaml:\d+: \S", answer.err)
    checked = stored("check")
    assert checked.code == 2
    assert re.search(r"FAIL +mappings +.*quote\.yaml:\d+", checked.out)


@pytest.mark.parametrize("name", ["web", "worker", "scheduler"])
def test_processes_start_no_server_and_exit_2_without_one(bare: Tandem, name: str, tmp_path: Path) -> None:
    answer = bare(name)
    assert answer.code == 2
    assert "tandem up" in answer.err
    assert not (tmp_path / "home" / "postgres").exists()


def test_an_unreachable_store_exits_6(bare: Tandem, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://tandem:secretword@127.0.0.1:9/nowhere")
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:9/0")
    answer = bare("status")
    assert answer.code == 6
    assert "store does not answer" in answer.err
    assert "secretword" not in answer.err


def test_another_kind_of_database_is_refused_with_2(bare: Tandem, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "sqlite:///x.db")
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:9/0")
    answer = bare("db", "upgrade")
    assert answer.code == 2
    assert "PostgreSQL only" in answer.err


def test_a_database_without_our_schema_exits_2_and_says_what_to_do(
    bare: Tandem, monkeypatch: pytest.MonkeyPatch, empty_database: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", empty_database)
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:9/0")
    answer = bare("status")
    assert answer.code == 2
    assert "tandem db upgrade" in answer.err

    assert bare("db", "upgrade", "--quiet").out == ""
    again = bare("db", "upgrade", "--json")
    assert again.code == 0
    assert again.json["schema"] == "tandem/db-upgrade/1"
    assert bare("status").code == 0


def test_status_works_without_any_vendor_configured(stored: Tandem) -> None:
    answer = stored("status", "--json")
    assert answer.code == 0
    assert answer.json["schema"] == "tandem/status/1"
    assert answer.json["lanes"]["deal"] == {"due": 0, "oldest_s": None}
    assert json.loads(answer.out)["failed"] == {}


def test_no_colour_is_sent_where_no_terminal_is(stored: Tandem, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("FORCE_COLOR", "")
    for arguments in (["status"], ["failures"], ["nope"]):
        answer = stored(*arguments)
        assert "\x1b[" not in answer.out + answer.err


def test_a_sandbox_that_does_not_answer_is_said(stored: Tandem, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TANDEM_SANDBOX_URL", "http://127.0.0.1:9/gone")
    for arguments in (["drain"], ["check"], ["check", "--online"], ["worker"], ["web"]):
        answer = stored(*arguments)
        assert answer.code == 6, arguments
        assert "TANDEM_SANDBOX_URL" in answer.err + answer.out
        assert "gone" not in answer.err + answer.out


@pytest.mark.parametrize("subject", ["quote:nonsense", "account:' OR 1=1", "product:0Q0"])
def test_what_is_no_id_of_salesforce_is_not_taken_for_one(tandem: Tandem, subject: str) -> None:
    answer = tandem("sync", subject)
    assert answer.code == 2
    assert "no id of Salesforce" in answer.err


@pytest.mark.parametrize("arguments", [["--help"], ["status"], ["status", "--json"]])
def test_a_reader_that_has_enough_ends_a_command_quietly(stored: Tandem, tmp_path: Path, arguments: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with subprocess.Popen(
        [sys.executable, "-m", "sync", *arguments], cwd=ROOT, stdout=writing, stderr=subprocess.PIPE, text=True
    ) as process:
        os.close(writing)
        _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["status"], ["status", "--json"]])
def test_an_output_that_takes_no_more_is_said_plainly_and_exits_1(stored: Tandem, arguments: list[str]) -> None:
    with open("/dev/full", "w") as full:
        answer = subprocess.run(
            [sys.executable, "-m", "sync", *arguments],
            cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert (answer.returncode, answer.stderr) == (
        1,
        "tandem: the answer could not be written: No space left on device\n",
    )


def test_a_backup_that_the_disk_does_not_hold_names_its_file_and_leaves_nothing(stored: Tandem, tmp_path: Path) -> None:
    file = tmp_path / "store.zip"
    answer = subprocess.run(
        ["sh", "-c", 'ulimit -f 0; exec "$@"', "sh", sys.executable, "-m", "sync", "backup", str(file)],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (answer.returncode, answer.stderr) == (1, f"tandem: {file} could not be written: File too large\n")
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_while_the_program_is_still_read_in_ends_it_as_later() -> None:
    interrupted = (
        "import sys\n"
        "class Interrupted:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'sync.cli.application': raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupted())\n"
        "from sync.cli import main\n"
        "main()\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", interrupted], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (answer.returncode, answer.stderr) == (130, "")
