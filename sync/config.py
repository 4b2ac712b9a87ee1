"""Settings: read once from the environment (and `.env`), checked as a whole, frozen. All faults are reported together.

A secret may also come from a file: ``STRIPE_API_KEY_FILE=/run/secrets/stripe`` fills STRIPE_API_KEY.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from sync.zones import known_zones

#: A Salesforce id: 15 characters, or 18 with their check.
SALESFORCE_ID = r"^[A-Za-z0-9]{15}([A-Za-z0-9]{3})?$"
FILE_SUFFIX = "_FILE"
#: Secrets of which several may be given at once; their variable is named in the singular.
SECRET_LISTS = ("STRIPE_WEBHOOK_SECRET", "USAGE_TOKEN", "OPS_TOKEN")
SHORTEST_TOKEN = 24
SHORTEST_HISTORY_DAYS = 31
STRIPE_API = "https://api.stripe.com"
#: RECONCILE_AT where both sides are never compared by themselves.
NEVER = "never"
#: What a variable has to look like, in words, where its pattern says it.
IN_WORDS = {
    "billing_currency": "three capital letters, such as EUR",
    "default_tax_code": "a tax code of Stripe: txcd_ and eight digits",
    "reconcile_at": f"a time of day such as 02:30, or {NEVER}",
    "salesforce_namespace": "the prefix of a package without its underscores: up to 15 letters and digits",
    "self_serve_owner_id": "an id of Salesforce: 15 or 18 letters and digits",
    "self_serve_record_type_id": "an id of Salesforce: 15 or 18 letters and digits",
    "self_serve_person_record_type_id": "an id of Salesforce: 15 or 18 letters and digits",
}
#: BILL_SIGNED_SINCE for an org in which every signed quote is to be billed.
EVER = "ever"
#: Where a sandbox serves.
LOOPBACK = ("127.0.0.1", "localhost", "::1")
#: What belongs to real accounts, so never beside TANDEM_SANDBOX_URL.
REAL_WORLD = (
    "STRIPE_API_KEY",
    "SALESFORCE_CLIENT_ID",
    "SALESFORCE_CLIENT_SECRET",
    "SALESFORCE_USERNAME",
    "SALESFORCE_PRIVATE_KEY",
    "SALESFORCE_URL",
    "SALESFORCE_TOKEN_URL",
)


class ConfigFault(Exception):
    """The configuration can't be used. ``faults`` names each variable and what is wrong with it; commands exit 2."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class Settings(BaseSettings):
    """Everything that can be set. Names are the environment variables' in lower case; units are in the names."""

    model_config = SettingsConfigDict(
        env_file=".env", extra="ignore", frozen=True, case_sensitive=False, allow_inf_nan=False
    )

    # where things are
    tandem_home: Path = Path("~/.local/share/tandem")
    tandem_mappings: Path | None = Field(None, description="Folder whose files replace those of mappings/ by name.")
    tandem_sandbox_url: str | None = Field(
        None, description="Control URL of a sandbox: gives addresses, credentials and the business clock."
    )
    database_url: SecretStr | None = None
    redis_url: SecretStr | None = None
    host: str = "127.0.0.1"
    port: int = Field(8080, ge=0, le=65535)

    # Stripe
    stripe_accounts: Path | None = Field(
        None, description="File of several Stripe accounts, and which deals are billed in which."
    )
    stripe_api_key: SecretStr | None = None
    stripe_webhook_secrets: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (), validation_alias="stripe_webhook_secret"
    )
    usage_tokens: Annotated[tuple[SecretStr, ...], NoDecode] = Field((), validation_alias="usage_token")
    ops_tokens: Annotated[tuple[SecretStr, ...], NoDecode] = Field((), validation_alias="ops_token")
    usage_events_per_s: float = Field(10.0, gt=0, description="Of the calls to Stripe, so many a second for usage.")
    usage_grace_h: float = Field(
        1.0, ge=0, le=72, description="So many hours use of a time that is over is waited for, where Tandem bills it."
    )
    stripe_api_base: str = STRIPE_API
    stripe_requests_per_s: float = Field(20.0, gt=0, description="Per endpoint class; Stripe allows 25 by default.")

    # Salesforce
    salesforce_url: str | None = None
    salesforce_token_url: str | None = None
    salesforce_client_id: str | None = None
    salesforce_client_secret: SecretStr | None = None
    salesforce_username: str | None = Field(None, description="Run-as user of the JWT flow.")
    salesforce_private_key: SecretStr | None = None
    salesforce_api_version: str = "66.0"
    salesforce_namespace: str = Field("", pattern=r"^([A-Za-z](_?[A-Za-z0-9]){0,14})?$")

    # what things mean
    billing_timezone: str = "UTC"
    billing_currency: str = Field(
        "", pattern=r"^([A-Z]{3})?$", description="Of an org with a single currency, which names none on its quotes."
    )
    bill_signed_since: str = Field(
        "",
        description="Quotes signed before wait for a decision: a date, a moment with its zone, `ever` for none; default: the first start.",
    )
    quote_signed_statuses: Annotated[tuple[str, ...], NoDecode] = ("Accepted",)
    default_collection_method: Literal["Send Invoice", "Charge Automatically"] = "Send Invoice"
    default_days_until_due: int = Field(30, ge=0, le=365)
    rounding_step: bool = False
    true_up: bool = False
    proration_policy: Literal["Signed", "Stripe", "None"] = "Signed"
    proration_precision: Literal["month+day", "month"] = "month+day"
    credit_policy: Literal["None", "Balance", "Refund"] = "Balance"
    removal_order: Literal["newest first", "oldest first"] = "newest first"
    co_termination: bool = True
    automatic_tax: bool = Field(False, description="Stripe works out tax for the deals that are made from now on.")
    tax_behavior: Literal["exclusive", "inclusive", "unspecified"] = "exclusive"
    default_tax_code: str = Field("", pattern=r"^(txcd_[0-9]{8})?$", description="Of products that have none.")
    self_serve_accounts: Literal["match", "create", "leave"] = "match"
    mirror_invoices: Literal["all", "open", "none"] = "all"
    mirror_months: int = Field(0, ge=0, le=1200, description="Older invoices get no row; 0 for all.")
    # of the Accounts that SELF_SERVE_ACCOUNTS=create makes
    self_serve_owner_id: str | None = Field(None, pattern=SALESFORCE_ID)
    self_serve_record_type_id: str | None = Field(None, pattern=SALESFORCE_ID)
    self_serve_person_accounts: bool = False
    self_serve_person_record_type_id: str | None = Field(None, pattern=SALESFORCE_ID)
    self_serve_account_fields: Annotated[dict[str, str | bool | int | Decimal] | None, NoDecode] = None
    self_serve_contact_fields: Annotated[dict[str, str | bool | int | Decimal] | None, NoDecode] = None
    reconcile_at: str = Field(
        "02:30",
        pattern=r"^(([01]\d|2[0-3]):[0-5]\d|never|)$",
        description="Business time in BILLING_TIMEZONE; `never`: not by itself.",
    )
    owner_tasks: bool = Field(False, description="The owner of an Account gets a Task when an issue of it opens.")
    won_not_billed_h: float = Field(1.0, gt=0, description="Hours of business time after which people are told.")

    # how it runs (machine seconds)
    lease_s: float = Field(45.0, gt=0)
    call_deadline_s: float = Field(30.0, gt=0)
    settle_s: float = Field(1.0, ge=0)
    flush_every_s: float = Field(10.0, ge=0)
    poll_hot_s: float = Field(30.0, gt=0)
    poll_cold_s: float = Field(120.0, gt=0)
    poll_events_s: float = Field(60.0, gt=0)
    worker_deal_threads: int = Field(4, ge=1, le=64)
    worker_mirror_threads: int = Field(2, ge=1, le=64)
    worker_bulk_threads: int = Field(1, ge=1, le=64)
    history_days: int = Field(
        180, ge=0, description="So long notices are kept, and runs that wrote nothing; 0 for ever, else 31 or more."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, dotenv_settings

    @field_validator("stripe_webhook_secrets", "usage_tokens", "ops_tokens", "quote_signed_statuses", mode="before")
    @classmethod
    def _comma_list(cls, value: Any) -> Any:
        """Several values in one variable are separated by commas (two webhook secrets while one is rotated)."""
        return tuple(v.strip() for v in value.split(",") if v.strip()) if isinstance(value, str) else value

    @field_validator("quote_signed_statuses")
    @classmethod
    def _at_least_one(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError("names no status: no quote would ever count as signed")
        return value

    @field_validator("self_serve_account_fields", "self_serve_contact_fields", mode="before")
    @classmethod
    def _fields_by_name(cls, value: Any) -> Any:
        """Fields by API name, as a JSON object: ``{"Industry": "Technology"}``."""
        if not isinstance(value, str):
            return value
        try:
            found = json.loads(value, parse_float=Decimal)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise ValueError('is no JSON object of fields by API name, such as {"Industry": "Technology"}')
        return found

    @field_validator("usage_tokens", "ops_tokens")
    @classmethod
    def _hard_to_guess(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if any(len(token.get_secret_value()) < SHORTEST_TOKEN for token in value):
            raise ValueError(f"a token needs {SHORTEST_TOKEN} characters at least")
        return value

    @field_validator("billing_timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if value not in known_zones():
            raise ValueError(f"{value!r} is no IANA time zone (for example Europe/Madrid)")
        ZoneInfo(value)
        return value

    @field_validator("bill_signed_since")
    @classmethod
    def _a_moment(cls, value: str) -> str:
        if value in ("", EVER):
            return value
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            moment = None
        if moment is None or (len(value) > len("2026-03-01") and moment.tzinfo is None):
            raise ValueError(
                f"{value!r} is no date (2026-03-01), no moment with its zone (2026-03-01T09:00Z), and not {EVER}"
            )
        return value

    @field_validator("history_days")
    @classmethod
    def _longer_than_stripes(cls, value: int) -> int:
        if 0 < value < SHORTEST_HISTORY_DAYS:
            raise ValueError(
                f"0 keeps history for ever, else {SHORTEST_HISTORY_DAYS} days at least: Stripe lists events for 30"
            )
        return value

    @field_validator("tandem_sandbox_url")
    @classmethod
    def _on_this_machine(cls, value: str | None) -> str | None:
        address = urlsplit(value or "")
        if value and (address.scheme != "http" or address.hostname not in LOOPBACK):
            raise ValueError("a sandbox is served on this machine only: http://127.0.0.1:PORT/...")
        return value

    @field_validator("salesforce_api_version")
    @classmethod
    def _supported_version(cls, value: str) -> str:
        major, _, minor = value.partition(".")
        if not (major.isdigit() and minor == "0" and int(major) >= 62):
            raise ValueError(f"{value!r} is not a supported version: 62.0 or later")
        return value

    @model_validator(mode="after")
    def _one_world(self) -> Settings:
        faults = []
        if self.automatic_tax and self.tax_behavior == "unspecified":
            faults.append("TAX_BEHAVIOR must be exclusive or inclusive with AUTOMATIC_TAX: Stripe refuses the rest")
        if self.lease_s <= self.call_deadline_s:
            faults.append("LEASE_S must be longer than CALL_DEADLINE_S: a call has to end inside its lease")
        if self.tandem_sandbox_url:
            named = [name for name in REAL_WORLD if getattr(self, name.lower())]
            if self.stripe_api_base != STRIPE_API:
                named.append("STRIPE_API_BASE")
            if named:
                faults.append(_mixed(named))
        if self.stripe_accounts and (self.stripe_api_key or self.stripe_webhook_secrets):
            faults.append(
                "STRIPE_ACCOUNTS stands beside STRIPE_API_KEY or STRIPE_WEBHOOK_SECRET: the file names the variables of"
                " each account; unset one side"
            )
        if faults:
            raise ValueError("\n".join(faults))
        return self


def _mixed(named: list[str]) -> str:
    others = ", ".join(named)
    return f"TANDEM_SANDBOX_URL stands beside {others}: a sandbox is never mixed with another world; unset one side"


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of this process. Raises ConfigFault with every fault at once; values of secrets are never
    repeated.
    """
    env = with_env_file(os.environ if environ is None else environ)
    faults = _read_secret_files(env)
    known = {name.upper() for name in Settings.model_fields} | {
        *SECRET_LISTS,
        "TANDEM_PG_BIN",
        "TANDEM_VALKEY_BIN",
    }
    faults += [f"{name}: no such setting" for name in sorted(env) if name.startswith("TANDEM_") and name not in known]
    given: dict[str, Any] = {
        name: env[alias.upper()]
        for name, field in Settings.model_fields.items()
        if (alias := str(field.validation_alias or name)).upper() in env and env[alias.upper()] != ""
    }
    try:
        values = {str(Settings.model_fields[k].validation_alias or k): v for k, v in given.items()}
        settings = Settings(**values)
    except ValidationError as error:
        raise ConfigFault([*faults, *_told(error), *_mixed_in(error, env)]) from None
    if faults:
        raise ConfigFault(faults)
    return settings


def with_env_file(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment above `.env`. What stands in the one as NAME takes the place of NAME_FILE in the other, and the
    other way round.
    """
    found = DotEnvSettingsSource(Settings, env_file=Path(".env"), case_sensitive=True).env_vars
    kept = {name.upper(): value for name, value in found.items() if value}
    given = {name.removesuffix(FILE_SUFFIX) for name, value in environ.items() if value}
    return {**{n: v for n, v in kept.items() if n.removesuffix(FILE_SUFFIX) not in given}, **environ}


def _told(error: ValidationError) -> list[str]:
    """Every fault that was found, a line each, without the values; one a value, however many types it might have had."""
    found = [
        f"{_variable(e['loc'])}: {line}"
        for e in error.errors(include_input=False)
        for line in _words(e["loc"], e["type"], e["msg"]).splitlines()
    ]
    return list(dict.fromkeys(found))


def _words(loc: tuple[int | str, ...], type_: str, words: str) -> str:
    if type_ == "string_pattern_mismatch" and loc and loc[0] in IN_WORDS:
        return f"is not {IN_WORDS[str(loc[0])]}"
    if len(loc) > 1 and str(loc[0]).endswith("_fields"):
        return f"{loc[1]} is neither text, a number, true nor false"
    return words.removeprefix("Value error, ")


def _mixed_in(error: ValidationError, env: Mapping[str, str]) -> list[str]:
    """What the fields together are wrong in is only looked at once each is right, but two worlds at once are said always."""
    named = [name for name in REAL_WORLD if env.get(name)]
    looked_at = any(not e["loc"] for e in error.errors(include_input=False))
    return [f"{_variable(())}: {_mixed(named)}"] if named and env.get("TANDEM_SANDBOX_URL") and not looked_at else []


def _variable(loc: tuple[int | str, ...]) -> str:
    return str(loc[0]).upper() if loc else "configuration"


def _read_secret_files(env: dict[str, str]) -> list[str]:
    faults = []
    secrets = [n.upper() for n, f in Settings.model_fields.items() if "SecretStr" in str(f.annotation)]
    for name in [*secrets, *SECRET_LISTS]:
        path = env.get(name + FILE_SUFFIX)
        if path is None:
            continue
        if env.get(name):
            faults.append(f"{name}{FILE_SUFFIX}: {name} is set too; give one of them")
            continue
        try:
            env[name] = Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            faults.append(f"{name}{FILE_SUFFIX}: can't read {path}: {error.strerror}")
        except UnicodeDecodeError:
            faults.append(f"{name}{FILE_SUFFIX}: {path} is no text file")
        else:
            if not env[name]:
                faults.append(f"{name}{FILE_SUFFIX}: {path} is empty")
    return faults
