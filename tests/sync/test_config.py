"""Settings: read from the environment as a whole, every fault said at once, no secret ever repeated."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from sync.config import NEVER, REAL_WORLD, ConfigFault, Settings, load
from sync.gateways.salesforce_client import json_text

KEY, HOOK = "sk_live_PLANTEDplanted0123", "whsec_PLANTEDplanted0123"
SANDBOX = "http://127.0.0.1:9/control"


@pytest.fixture(autouse=True)
def nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without an `.env`."""
    monkeypatch.chdir(tmp_path)


def faults_of(**environ: str) -> list[str]:
    with pytest.raises(ConfigFault) as raised:
        load(environ)
    return raised.value.faults


def test_nothing_set_is_the_rules_own_defaults() -> None:
    settings = load({})

    assert (settings.billing_timezone, settings.quote_signed_statuses) == ("UTC", ("Accepted",))
    assert (settings.self_serve_accounts, settings.rounding_step) == ("match", False)
    assert settings.lease_s > settings.call_deadline_s
    assert settings.stripe_api_key is None


def test_every_fault_is_said_at_once_with_its_variable() -> None:
    faults = faults_of(
        BILLING_TIMEZONE="Mars/Olympus", PORT="70000", SALESFORCE_API_VERSION="58.0", SELF_SERVE_ACCOUNTS="maybe", LEASE_S="soon",
        TANDEM_MAPINGS="/typo", STRIPE_API_KEY_FILE="/nowhere/key",
    )  # fmt: skip

    said = {fault.partition(":")[0]: fault for fault in faults}
    assert set(said) == {
        "BILLING_TIMEZONE", "PORT", "SALESFORCE_API_VERSION", "SELF_SERVE_ACCOUNTS", "LEASE_S", "TANDEM_MAPINGS", "STRIPE_API_KEY_FILE",
    }  # fmt: skip
    assert "Mars/Olympus" in said["BILLING_TIMEZONE"]
    assert "62.0" in said["SALESFORCE_API_VERSION"]
    assert "no such setting" in said["TANDEM_MAPINGS"]


def test_faults_between_fields_are_all_said() -> None:
    faults = faults_of(LEASE_S="30", CALL_DEADLINE_S="30", TANDEM_SANDBOX_URL=SANDBOX, STRIPE_API_KEY=KEY)

    assert len(faults) == 2
    assert "LEASE_S must be longer" in faults[0]
    assert "TANDEM_SANDBOX_URL stands beside STRIPE_API_KEY" in faults[1]


def test_two_worlds_are_said_beside_a_fault_of_a_field() -> None:
    faults = faults_of(PORT="none", TANDEM_SANDBOX_URL=SANDBOX, STRIPE_API_KEY=KEY)

    assert len(faults) == 2
    assert any("TANDEM_SANDBOX_URL stands beside STRIPE_API_KEY" in fault for fault in faults)


@pytest.mark.parametrize("name", [*REAL_WORLD, "STRIPE_API_BASE"])
def test_a_sandbox_beside_anything_real_is_refused(name: str) -> None:
    [fault] = faults_of(TANDEM_SANDBOX_URL=SANDBOX, **{name: KEY})

    assert f"beside {name}:" in fault
    assert KEY not in fault


def test_a_sandbox_may_have_servers_and_a_webhook_secret_of_its_own() -> None:
    settings = load(
        {
            "TANDEM_SANDBOX_URL": SANDBOX,
            "STRIPE_WEBHOOK_SECRET": HOOK,
            "DATABASE_URL": "postgresql://h/d",
            "REDIS_URL": "redis://h",
        }
    )

    assert [s.get_secret_value() for s in settings.stripe_webhook_secrets] == [HOOK]


def test_a_secret_comes_from_a_file_without_its_line_end(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{KEY}\n")

    settings = load({"STRIPE_API_KEY_FILE": str(tmp_path / "key")})

    assert settings.stripe_api_key is not None
    assert settings.stripe_api_key.get_secret_value() == KEY


def test_a_private_key_keeps_its_lines_and_two_webhook_secrets_are_two(tmp_path: Path) -> None:
    (tmp_path / "pem").write_text("-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----\n")
    (tmp_path / "hooks").write_text(f"{HOOK}, whsec_old\n")

    settings = load(
        {"SALESFORCE_PRIVATE_KEY_FILE": str(tmp_path / "pem"), "STRIPE_WEBHOOK_SECRET_FILE": str(tmp_path / "hooks")}
    )

    assert settings.salesforce_private_key is not None
    assert settings.salesforce_private_key.get_secret_value().count("\n") == 2
    assert [s.get_secret_value() for s in settings.stripe_webhook_secrets] == [HOOK, "whsec_old"]


def test_unusable_secret_files_are_named_and_not_shown(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text(" \n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00" + KEY.encode())
    (tmp_path / "key").write_text(KEY)

    faults = faults_of(
        STRIPE_API_KEY_FILE=str(tmp_path / "empty"),
        SALESFORCE_CLIENT_SECRET_FILE=str(tmp_path / "binary"),
        DATABASE_URL_FILE=str(tmp_path),
        REDIS_URL_FILE=str(tmp_path / "key"),
        REDIS_URL="redis://h",
    )

    said = {fault.partition(":")[0]: fault for fault in faults}
    assert "is empty" in said["STRIPE_API_KEY_FILE"]
    assert "no text file" in said["SALESFORCE_CLIENT_SECRET_FILE"]
    assert "can't read" in said["DATABASE_URL_FILE"]
    assert "give one of them" in said["REDIS_URL_FILE"]
    assert KEY not in "".join(faults)


def test_no_fault_repeats_what_was_given_for_another_field() -> None:
    faults = faults_of(
        STRIPE_API_KEY=KEY, STRIPE_WEBHOOK_SECRET=HOOK, SALESFORCE_CLIENT_SECRET=KEY, PORT=KEY, LOG_LEVEL=HOOK
    )

    assert len(faults) == 2
    assert KEY not in "".join(faults)
    assert HOOK not in "".join(faults)


def test_settings_show_no_secret_when_printed() -> None:
    settings = load({"STRIPE_API_KEY": KEY, "STRIPE_WEBHOOK_SECRET": HOOK, "DATABASE_URL": f"postgresql://u:{KEY}@h/d"})

    assert KEY not in f"{settings!r}{settings}{settings.model_dump_json()}"
    assert HOOK not in f"{settings!r}{settings}{settings.model_dump_json()}"


def test_a_blank_variable_is_an_unset_one() -> None:
    assert load({"STRIPE_API_KEY": "", "PORT": ""}).port == 8080


def test_several_signed_statuses_are_separated_by_commas() -> None:
    assert load({"QUOTE_SIGNED_STATUSES": "Accepted, Signed ,"}).quote_signed_statuses == ("Accepted", "Signed")


def test_signed_statuses_that_name_none_are_refused_as_nothing_would_ever_be_billed() -> None:
    [fault] = faults_of(QUOTE_SIGNED_STATUSES=" , ")
    assert fault == "QUOTE_SIGNED_STATUSES: names no status: no quote would ever count as signed"


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("BILLING_CURRENCY", "eur", "is not three capital letters, such as EUR"),
        ("RECONCILE_AT", "2:30", "is not a time of day such as 02:30, or never"),
        ("SALESFORCE_NAMESPACE", "acme__", "is not the prefix of a package without its underscores"),
        ("SALESFORCE_NAMESPACE", "a b", "is not the prefix of a package without its underscores"),
        ("SELF_SERVE_OWNER_ID", "me", "is not an id of Salesforce: 15 or 18 letters and digits"),
        ("SELF_SERVE_ACCOUNT_FIELDS", '{"Industry": {"a": 1}}', "Industry is neither text, a number, true nor false"),
    ],
)
def test_what_a_value_should_look_like_is_said_in_words_and_once(name: str, value: str, words: str) -> None:
    [fault] = faults_of(**{name: value})
    assert fault.startswith(f"{name}: {words}")


@pytest.mark.parametrize("value", ["acme", "acme_billing2", ""])
def test_a_namespace_is_the_prefix_of_a_package(value: str) -> None:
    assert load({"SALESFORCE_NAMESPACE": value}).salesforce_namespace == value


def test_the_nightly_comparison_can_be_switched_off() -> None:
    assert load({"RECONCILE_AT": "never"}).reconcile_at == NEVER
    assert load({}).reconcile_at == "02:30"


@pytest.mark.parametrize("since", ["ever", "2026-03-01", "2026-03-01T09:00Z", "2026-03-01T09:00+02:00"])
def test_a_start_is_a_day_a_moment_or_none(since: str) -> None:
    assert load({"BILL_SIGNED_SINCE": since}).bill_signed_since == since


@pytest.mark.parametrize("since", ["never", "2026-03-01T09:00", "01.03.2026", "2026-02-30"])
def test_a_start_that_is_no_moment_is_refused(since: str) -> None:
    [fault] = faults_of(BILL_SIGNED_SINCE=since)
    assert "BILL_SIGNED_SINCE" in fault


def test_the_environment_stands_above_the_env_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=1\nBILLING_TIMEZONE=Europe/Madrid\n")

    settings = load({"PORT": "2"})

    assert (settings.port, settings.billing_timezone) == (2, "Europe/Madrid")


def test_a_real_key_in_the_env_file_is_seen_beside_a_sandbox(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"STRIPE_API_KEY={KEY}\n")

    [fault] = faults_of(TANDEM_SANDBOX_URL=SANDBOX)

    assert "beside STRIPE_API_KEY" in fault


def test_settings_can_not_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings(_env_file=None).port = 1  # type: ignore[call-arg, misc]


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "https://127.0.0.1:1/x",
        "http://sandbox.example/x",
        "http://127.0.0.1.example/x",
        "ftp://localhost/x",
    ],
)
def test_a_sandbox_is_on_this_machine_or_it_is_none(url: str) -> None:
    [fault] = faults_of(TANDEM_SANDBOX_URL=url)

    assert fault.startswith("TANDEM_SANDBOX_URL: ")
    assert "on this machine only" in fault


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_every_name_of_this_machine_will_do_for_a_sandbox(host: str) -> None:
    assert load({"TANDEM_SANDBOX_URL": f"http://{host}:4711/x"}).tandem_sandbox_url == f"http://{host}:4711/x"


def test_numbers_without_an_end_are_refused() -> None:
    for name in ("LEASE_S", "WON_NOT_BILLED_H", "POLL_HOT_S", "STRIPE_REQUESTS_PER_S"):
        [fault] = faults_of(**{name: "inf"})
        assert name in fault


def test_a_fraction_for_new_accounts_is_exact() -> None:
    fields = load({"SELF_SERVE_ACCOUNT_FIELDS": '{"Rating__c": 1.10, "Size__c": 3, "Web__c": true}'})

    assert fields.self_serve_account_fields == {"Rating__c": Decimal("1.10"), "Size__c": 3, "Web__c": True}
    assert json_text(fields.self_serve_account_fields) == '{"Rating__c":1.10,"Size__c":3,"Web__c":true}'


def test_the_env_file_may_name_a_file_of_a_secret(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY)
    (tmp_path / ".env").write_text(f"STRIPE_API_KEY_FILE={tmp_path / 'key'}\nTANDEM_MAPINGS=/typo\n")

    assert faults_of() == ["TANDEM_MAPINGS: no such setting"]
    (tmp_path / ".env").write_text(f"STRIPE_API_KEY_FILE={tmp_path / 'key'}\n")
    key = load({}).stripe_api_key
    assert key is not None
    assert key.get_secret_value() == KEY


@pytest.mark.parametrize("kept", ["STRIPE_API_KEY=sk_test_kept", "STRIPE_API_KEY_FILE=/nowhere"])
@pytest.mark.parametrize("by_file", [False, True], ids=["a key", "its file"])
def test_a_secret_of_the_environment_stands_above_the_env_file(tmp_path: Path, kept: str, by_file: bool) -> None:
    (tmp_path / "key").write_text(KEY)
    (tmp_path / ".env").write_text(f"{kept}\n")

    given = {"STRIPE_API_KEY_FILE": str(tmp_path / "key")} if by_file else {"STRIPE_API_KEY": KEY}

    key = load(given).stripe_api_key
    assert key is not None
    assert key.get_secret_value() == KEY


def test_a_history_shorter_than_stripes_own_list_is_refused() -> None:
    assert load({"HISTORY_DAYS": "0"}).history_days == 0
    with pytest.raises(ConfigFault, match=r"HISTORY_DAYS.*31 days"):
        load({"HISTORY_DAYS": "30"})
