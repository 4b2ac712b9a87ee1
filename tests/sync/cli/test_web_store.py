"""`tandem web` takes webhooks in only for the store and the Stripe account that it is meant for."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from sync import wiring
from sync.cli import places
from sync.errors import Unsafe
from sync.store.cursors import StoredCursors
from sync.store.engine import make_engine
from sync.store.schema import SchemaNotOurs
from tests.sync.cli.conftest import Tandem


def check() -> None:
    settings = places.settings()
    assert settings.database_url is not None
    wiring.check_web(settings, database_url=settings.database_url.get_secret_value())


def pinned_to(database: str, stripe: str) -> None:
    engine = make_engine(database)
    StoredCursors(engine).pin_realm({"salesforce": "00Dother", "stripe": stripe, "livemode": "False"})
    engine.dispose()


def test_a_store_that_belongs_to_nobody_yet_will_do(tandem: Tandem) -> None:
    check()


def test_the_store_of_this_account_will_do(tandem: Tandem, database: str) -> None:
    [stripe] = wiring.vendors(places.settings())[0].values()
    pinned_to(database, stripe.account)
    check()


def test_the_store_of_another_account_is_refused(tandem: Tandem, database: str) -> None:
    pinned_to(database, "acct_other")
    with pytest.raises(Unsafe, match="CONF-308"):
        check()


def test_a_schema_that_is_not_ours_is_refused(tandem: Tandem, database: str) -> None:
    engine = make_engine(database)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(SchemaNotOurs):
        check()


def test_a_store_that_is_away_is_no_reason_not_to_start(tandem: Tandem) -> None:
    wiring.check_web(places.settings(), database_url="postgresql+psycopg://nobody@127.0.0.1:1/none")


def test_stripe_being_away_is_no_reason_not_to_start(
    stored: Tandem, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pinned_to(database, "acct_1")
    for name in ("STRIPE_API_KEY", "SALESFORCE_CLIENT_ID", "SALESFORCE_CLIENT_SECRET"):
        monkeypatch.setenv(name, "sk_test_x")
    monkeypatch.setenv("SALESFORCE_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("STRIPE_API_BASE", "http://127.0.0.1:1")
    check()
