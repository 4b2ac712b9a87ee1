"""The file of several Stripe accounts: read as a whole, every fault with its line, no secret in it or repeated."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync.config import ConfigFault, load
from sync.endpoints import endpoints
from sync.stripe_accounts import load as load_file
from sync.stripe_credentials import of_file

GOOD = """\
accounts:
  - name: us
    api_key_env: KEY_US
    webhook_secret_env: HOOK_US
  - name: eu
    api_key_env: KEY_EU
    webhook_secret_env: HOOK_EU
    requests_per_s: 12.5
routes:
  - account: eu
    when:
      Account.BillingCountry: [Germany, NO]
      Quote.Region__c: EU
  - account: eu
    when: {Account.BillingCountry: France}
  - account: us
"""
PLANTED = "sk_test_PLANTEDplanted0123"
GIVEN = {"KEY_US": PLANTED, "KEY_EU": "rk_test_other", "HOOK_US": "whsec_1, whsec_2", "HOOK_EU": "whsec_3"}


@pytest.fixture(autouse=True)
def nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without an `.env`."""
    monkeypatch.chdir(tmp_path)


def faults_of(text: str) -> list[str]:
    Path("accounts.yaml").write_text(text)
    with pytest.raises(ConfigFault) as raised:
        load_file(Path("accounts.yaml"))
    return [fault.removeprefix("STRIPE_ACCOUNTS: accounts.yaml:") for fault in raised.value.faults]


def test_a_good_file_is_read_whole() -> None:
    Path("accounts.yaml").write_text(GOOD)

    found = load_file(Path("accounts.yaml"))

    assert found.names == ("us", "eu")
    assert [one.requests_per_s for one in found.accounts] == [None, 12.5]
    assert found.route({"Region__c": "eu"}, {"BillingCountry": "no"}) == "eu"
    assert found.route({}, {"BillingCountry": "France"}) == "eu"
    assert found.route({"Region__c": "eu"}, {}) == "us"


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("name: eu", "name: us", 5, "name us is that of the account on line 2 too"),
        ("KEY_EU", "KEY_US", 5, "api_key_env KEY_US is that of the account on line 2 too"),
        ("HOOK_EU", "HOOK_US", 5, "webhook_secret_env HOOK_US is that of"),
        ("name: eu", "name: Eu", 5, "lower-case"),
        ("name: eu", "nam: eu", 5, "unknown key nam"),
        ("12.5", "0", 8, "above 0"),
        ("12.5", "many", 8, "must be a number"),
        ("12.5", ".inf", 8, "must be a number"),
        ("KEY_EU", "key-eu", 6, "name a variable"),
        ("KEY_EU", "sk_live_abc", 6, "a secret stands here"),
        ("api_key_env: KEY_EU", "api_key: whsec_abc", 6, "a secret stands here"),
        ("account: eu\n    when:\n", "account: uk\n    when:\n", 10, "'uk' is none of the accounts above: eu, us"),
        ("  - account: us\n", "", 14, "the last route has no when"),
        ("Account.BillingCountry: France", "BillingCountry: France", 15, "Account.Field or Quote.Field"),
        ("Account.BillingCountry: France", "Account.Owner.Region__c: x", 15, "Account.Field or Quote.Field"),
        ("Account.BillingCountry: France", "account.BillingCountry: x", 15, "Account.Field or Quote.Field"),
        ("Account.BillingCountry: France", "Account.Region _c: x", 15, "Account.Field or Quote.Field"),
        ("{Account.BillingCountry: France}", "{}", 15, "when says nothing"),
        ("{Account.BillingCountry: France}", "[France]", 15, "must be a mapping"),
        ("BillingCountry: France", "BillingCountry: []", 15, "is empty"),
        ("BillingCountry: France", "BillingCountry: ", 15, "a blank field meets no route"),
        ("BillingCountry: France", "BillingCountry: [[France]]", 15, "must be a value"),
        ("- account: eu\n    when: {Account", "- when: {Account", 14, "account is missing"),
        ("- account: eu\n    when:\n", "- account: eu\n    wenn:\n", 12, "unknown key wenn"),
        ("routes:", "rules:", 1, "routes are missing"),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_its_line(old: str, new: str, line: int, words: str) -> None:
    assert old in GOOD
    told = faults_of(GOOD.replace(old, new, 1))

    assert any(fault.startswith(f"{line}: ") and words in fault for fault in told), told
    assert "sk_live_abc" not in str(told)
    assert "whsec_abc" not in str(told)


def test_every_fault_is_said_at_once_in_order() -> None:
    told = faults_of(
        GOOD.replace("name: us", "name: 1").replace("12.5", "-1").replace("Quote.Region__c", "Deal.Region")
    )

    assert [fault.partition(":")[0] for fault in told] == ["2", "8", "13", "16"]


@pytest.mark.parametrize("text", ["", "[]", "accounts", "accounts: {}\nroutes: []", "a: [", "accounts: []\nroutes: []"])
def test_what_is_no_such_file_is_said(text: str) -> None:
    assert faults_of(text)


def test_a_file_that_is_not_there_is_said() -> None:
    with pytest.raises(ConfigFault, match=r"STRIPE_ACCOUNTS: nowhere.yaml: can't be read"):
        load_file(Path("nowhere.yaml"))


@pytest.mark.parametrize(
    "routes",
    [
        "routes: [{account: us}, {account: eu}]",
        "routes: [{account: us, when: {Quote.A: [1, 2]}}, {account: eu, when: {Quote.A: 2, Quote.B: x}}, {account: us}]",
    ],
)
def test_a_route_that_is_never_taken_is_a_fault(routes: str) -> None:
    [told] = faults_of(GOOD.partition("routes:")[0] + routes)

    assert "never taken" in told


# ---------------------------------------------------------------------- what it names


def credentials_faults(text: str = GOOD, **environ: str) -> list[str]:
    Path("accounts.yaml").write_text(text)
    settings = load({"STRIPE_ACCOUNTS": "accounts.yaml"})
    with pytest.raises(ConfigFault) as raised:
        of_file(settings, environ)
    assert PLANTED not in str(raised.value)
    return raised.value.faults


def test_keys_and_secrets_come_from_the_variables_or_files_that_are_named(tmp_path: Path) -> None:
    Path("accounts.yaml").write_text(GOOD)
    (tmp_path / "key").write_text(f"{PLANTED}\n")
    settings = load({"STRIPE_ACCOUNTS": "accounts.yaml", "STRIPE_REQUESTS_PER_S": "7"})
    without = {name: value for name, value in GIVEN.items() if name not in ("KEY_US", "HOOK_EU")}

    _, (us, eu) = of_file(settings, {**without, "KEY_US_FILE": str(tmp_path / "key")})

    assert (us.name, us.api_key.get_secret_value(), us.requests_per_s) == ("us", PLANTED, 7.0)
    assert [s.get_secret_value() for s in us.webhook_secrets] == ["whsec_1", "whsec_2"]
    assert (eu.webhook_secrets, eu.requests_per_s, us.missing) == ((), 12.5, "")
    assert "accounts.yaml:5: account eu: HOOK_EU: is not set" in eu.missing


def test_the_env_file_is_read_below_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("accounts.yaml").write_text(GOOD)
    Path(".env").write_text("\n".join(f"{k}={v}" for k, v in GIVEN.items()) + "\nSTRIPE_ACCOUNTS=accounts.yaml\n")
    monkeypatch.setenv("KEY_EU", "sk_test_above")

    _, (us, eu) = of_file(load({}))

    assert (us.api_key.get_secret_value(), eu.api_key.get_secret_value()) == (PLANTED, "sk_test_above")


def test_a_variable_that_is_not_set_is_told_with_the_account_that_needs_it() -> None:
    told = credentials_faults(KEY_US=PLANTED, KEY_EU_FILE="/nowhere/key")

    assert told == [
        "STRIPE_ACCOUNTS: accounts.yaml:5: account eu: KEY_EU_FILE: can't read /nowhere/key: No such file or directory"
    ]
    assert "account us: KEY_US: is not set" in credentials_faults(KEY_EU=PLANTED)[0]
    assert "both set" in credentials_faults(**GIVEN, KEY_US_FILE="/x")[0]


def test_an_account_without_a_key_is_told() -> None:
    assert (
        "account us: api_key_env is missing"
        in credentials_faults(GOOD.replace("    api_key_env: KEY_US\n", ""), **GIVEN)[0]
    )


def test_live_beside_test_is_told_and_so_is_one_secret_in_two_accounts() -> None:
    [modes] = credentials_faults(**{**GIVEN, "KEY_EU": "sk_live_abc"})
    [twice] = credentials_faults(**{**GIVEN, "KEY_EU": PLANTED})
    [hooks] = credentials_faults(**{**GIVEN, "HOOK_EU": "whsec_2"})

    assert "eu live, us test" in modes
    assert "account eu: has a secret of the account us" in twice
    assert "account eu: has a secret of the account us" in hooks


@pytest.mark.parametrize("name", ["STRIPE_API_KEY", "STRIPE_WEBHOOK_SECRET"])
def test_the_file_beside_the_variables_of_a_single_account_is_a_fault(name: str) -> None:
    with pytest.raises(ConfigFault, match="STRIPE_ACCOUNTS stands beside") as raised:
        load({"STRIPE_ACCOUNTS": "accounts.yaml", name: PLANTED})
    assert PLANTED not in str(raised.value)


def test_all_that_is_missing_for_both_vendors_is_told_at_once() -> None:
    Path("accounts.yaml").write_text(GOOD)

    with pytest.raises(ConfigFault) as raised:
        endpoints(load({"STRIPE_ACCOUNTS": "accounts.yaml"}))

    told = "\n".join(raised.value.faults)
    assert all(name in told for name in ("SALESFORCE_URL", "KEY_US: is not set", "KEY_EU: is not set"))


def test_a_real_key_beside_a_sandbox_is_refused_before_anything_is_asked() -> None:
    Path("accounts.yaml").write_text(GOOD)
    settings = load({"STRIPE_ACCOUNTS": "accounts.yaml", "TANDEM_SANDBOX_URL": "http://127.0.0.1:9/control"})

    with pytest.raises(ConfigFault, match="TANDEM_SANDBOX_URL stands beside KEY_US, KEY_EU"):
        of_file(settings, GIVEN)
