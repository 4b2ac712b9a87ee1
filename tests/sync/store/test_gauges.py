"""The numbers for /metrics, from rows as the store writes them."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from sync.store.engine import plain_dsn
from sync.store.gauges import GAUGES_SQL
from workers.metrics import TOLD

Numbers = dict[tuple[str, ...], float]
RUN = "subject, lane, token, trigger, as_of_at, digest, plan, outcome, opened_machine_at, closed_machine_at"
OPERATION = (
    "run_id, ref_kind, ref_key, verb, action, revision, key, payload_hash, payload, before, state, request_id, "
    "first_sent_at, sent_machine_at, closed_machine_at"
)


class Told:
    """What the statement tells of a database."""

    def __init__(self, database_url: str) -> None:
        self._dsn = plain_dsn(database_url)

    def run(self, *statements: str) -> None:
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def numbers(self, metric: str) -> Numbers:
        return {tuple(row[1]): row[3] for row in self._rows(metric) if row[2] is None}

    def buckets(self, metric: str, *labels: str) -> tuple[list[tuple[float, float]], float]:
        """(upper bound, how many at most) in order, and the sum of all."""
        rows = [row for row in self._rows(metric) if tuple(row[1]) == labels]
        return sorted((row[2], row[3]) for row in rows), rows[0][4] if rows else 0.0

    def _rows(self, metric: str) -> list[tuple[str, list[str], float | None, float, float | None]]:
        with psycopg.connect(self._dsn) as connection:
            rows = connection.execute(GAUGES_SQL.encode()).fetchall()
        assert {row[0] for row in rows} <= set(TOLD)
        return [row for row in rows if row[0] == metric]


@pytest.fixture
def told(database: str) -> Told:
    return Told(database)


def a_run(subject: str, outcome: str | None, *, took_s: float = 1) -> str:
    ended = f"'{outcome}'" if outcome else "NULL"
    return (
        f"INSERT INTO runs ({RUN}) VALUES ('{subject}', 'deal', 1, 'due', now(), 'd', '{{}}', {ended}, "
        f"now() - interval '{took_s} seconds', now())"
    )


def an_operation(
    kind: str, key: str, state: str, *, verb: str = "create", action: str = "", took_s: float = 1, first: str = "now()",
    request_id: str | None = "req_1", sent: bool = True,
) -> str:  # fmt: skip
    sent_at = f"now() - interval '{took_s} seconds'" if sent else "NULL"
    closed = "now()" if state in ("done", "failed") else "NULL"
    request = f"'{request_id}'" if request_id else "NULL"
    return (
        f"INSERT INTO operations ({OPERATION}) VALUES (1, '{kind}', '{key}', '{verb}', '{action}', 1, '{kind}{key}', 'h', "
        f"'{{}}', '{{}}', '{state}', {request}, {first}, {sent_at}, {closed})"
    )


def test_an_empty_store_tells_only_what_is_known_of_it(told: Told) -> None:
    assert told.numbers("write_lag") == {(): 0.0}
    assert told.numbers("unbilled") == {(): 0.0}
    assert told.numbers("paused") == {("all",): 0, ("salesforce",): 0, ("stripe",): 0}
    for metric in ("quota", "jobs", "ended", "requests", "failed", "last_event"):
        assert told.numbers(metric) == {}
    for metric in ("job_seconds", "quote_seconds", "request_seconds"):
        assert told.buckets(metric) == ([], 0.0)


def test_runs_are_counted_by_how_they_ended_and_unfinished_ones_not_at_all(told: Told) -> None:
    told.run(a_run("quote:1", "done"), a_run("quote:2", "done"), a_run("customer:3", "failed"), a_run("quote:4", None))
    assert told.numbers("ended") == {("deal", "quote", "done"): 2, ("deal", "customer", "failed"): 1}


def test_a_duration_is_in_each_bucket_that_it_fits_in_also_at_the_bound(told: Told) -> None:
    told.run(*(a_run("quote:1", "done", took_s=s) for s in (0.2, 1, 400)))
    buckets, total = told.buckets("job_seconds", "deal", "quote")
    assert buckets[:3] == [(0.5, 1), (1, 2), (2.5, 2)]
    assert buckets[-2:] == [(300, 2), (float("inf"), 3)]
    assert total == pytest.approx(401.2)


def test_writes_are_counted_once_their_end_is_known(told: Told) -> None:
    told.run(
        an_operation("price", "p", "done", took_s=0.3),
        an_operation("invoice", "i", "done", verb="act", action="finalize", request_id=None),
        an_operation("price", "p", "failed"),
        an_operation("schedule", "s", "unknown"),
        an_operation("schedule", "t", "sent"),
        an_operation("schedule", "u", "planned", sent=False),
        an_operation("schedule", "v", "failed", sent=False),
    )
    assert told.numbers("requests") == {
        ("stripe", "price.create", "done"): 1,
        ("stripe", "price.create", "failed"): 1,
        ("stripe", "invoice.act.finalize", "done"): 1,
    }
    assert told.numbers("open_requests") == {("stripe", "unknown"): 1, ("stripe", "sent"): 1}


def test_a_write_that_was_found_later_has_no_duration(told: Told) -> None:
    told.run(
        an_operation("price", "p", "done", took_s=0.3), an_operation("price", "q", "done", took_s=9, request_id=None)
    )
    buckets, total = told.buckets("request_seconds", "stripe", "price.create")
    assert buckets[0] == (0.1, 0)
    assert buckets[-1] == (float("inf"), 1)
    assert total == pytest.approx(0.3)


def promise(quote: str, *, signed_at: str, frozen: bool = True, deal: str = "") -> str:
    frozen_at = "now()" if frozen else "NULL"
    return (
        "INSERT INTO promises (quote_id, deal_key, input_digest, graph, preview, signed_at, frozen_at) VALUES "
        f"('{quote}', '{deal or quote}', 'd', '{{}}', '{{}}', {signed_at}, {frozen_at})"
    )


def test_signature_to_subscription_is_business_time_to_the_first_object(told: Told) -> None:
    stamp = "timestamptz '2031-01-01 00:00Z'"
    told.run(
        promise("q1", signed_at=stamp),
        an_operation("schedule", "q1", "done", first=f"{stamp} + interval '60 seconds'"),
        an_operation("schedule", "q1", "done", verb="update", first=f"{stamp} + interval '9 days'"),
        promise("q2", signed_at=stamp),
        an_operation("subscription", "q2", "done", first=f"{stamp} + interval '2 hours'"),
        an_operation("schedule", "q2", "done", first=f"{stamp} + interval '3 hours'"),
        promise("late signature", signed_at=f"{stamp} + interval '1 day'"),
        an_operation("schedule", "late signature", "done", first=stamp),
        promise("nothing yet", signed_at=stamp),
        an_operation("schedule", "nothing yet", "unknown", first=stamp),
    )
    buckets, total = told.buckets("quote_seconds")
    assert buckets[0] == (60, 2)
    assert buckets[4:6] == [(3600, 2), (14_400, 3)]
    assert total == pytest.approx(60 + 7200)


def signed(quote: str, *, revision: int = 1, failed: str = "NULL", wake: str = "NULL") -> tuple[str, str]:
    subject = (
        "INSERT INTO subjects (key, lane, unit, revision, done_revision, error_code, failed_at, wake_at) VALUES "
        f"('quote:{quote}', 'deal', 'unit:{quote}', {revision}, 1, 'DATA-201', {failed}, {wake})"
    )
    return f"INSERT INTO signatures (quote_id, signed_at) VALUES ('{quote}', now())", subject


def linked(quote: str, kind: str) -> str:
    return (
        "INSERT INTO links (stripe_account, key, salesforce_id, stripe_kind, stripe_id, livemode) VALUES "
        f"('acct_1', '{kind}:{quote}', '{quote}', '{kind}', 'x_{kind}_{quote}', false)"
    )


def test_won_and_not_billed_are_signed_quotes_without_anything_in_stripe(told: Told) -> None:
    told.run(
        *signed("refused", failed="now()"),
        *signed("not looked at yet", revision=2),
        *signed("too near its start", wake="now()"),
        *signed("billed", failed="now()"), linked("billed", "schedule"),
        *signed("begun", wake="now()"), linked("begun", "subscription"),
        *signed("taken back"),
        *signed("only its price", failed="now()"), linked("only its price", "price"),
    )  # fmt: skip
    assert told.numbers("unbilled") == {(): 4}


def test_a_change_is_billed_by_what_its_deal_has_in_stripe_once_it_was_begun(told: Told) -> None:
    told.run(
        *signed("deal", wake="now()"), linked("deal", "schedule"),
        *signed("amendment", wake="now()"), promise("amendment", signed_at="now()", deal="deal"),
        *signed("refused", failed="now()"), promise("refused", signed_at="now()", deal="deal", frozen=False),
        *signed("of a deal that has nothing", wake="now()"),
        promise("of a deal that has nothing", signed_at="now()", deal="another"),
    )  # fmt: skip
    assert told.numbers("unbilled") == {(): 2}


def test_the_lag_of_the_display_is_that_of_the_oldest_row_that_may_still_go(told: Told) -> None:
    def row(key: str, state: str, age_s: int) -> str:
        token = "1" if state == "sent" else "NULL"
        return (
            'INSERT INTO crm_writes (sobject, key, "group", content, hash, fence, state, flush_token, queued_machine_at) '
            f"VALUES ('Quote', '{key}', 'g', '{{}}', 'h', 1, '{state}', {token}, now() - interval '{age_s} seconds')"
        )

    told.run(row("a", "waiting", 5), row("b", "sent", 50), row("c", "failed", 5000))
    assert told.numbers("write_lag")[()] == pytest.approx(50, abs=5)
    assert told.numbers("rows") == {("waiting",): 1, ("sent",): 1, ("failed",): 1}


def test_each_of_several_stripe_accounts_can_be_paused(told: Told) -> None:
    realm = '{"stripe": "acct_1", "stripe:us": "acct_1", "stripe:eu": "acct_2"}'
    told.run(f"INSERT INTO installation (realm) VALUES ('{realm}')")
    told.run("INSERT INTO pauses (scope, reason, owner) VALUES ('stripe:eu', 'r', 'o')")
    paused = {"all": 0, "salesforce": 0, "stripe": 0, "stripe:us": 0, "stripe:eu": 1}
    assert told.numbers("paused") == {(scope,): many for scope, many in paused.items()}


def test_a_pause_that_is_over_is_none(told: Told) -> None:
    told.run(
        "INSERT INTO pauses (scope, reason, owner, until_machine_at) VALUES ('stripe', 'r', 'o', NULL), "
        "('salesforce', 'r', 'o', now() - interval '1 second'), ('all', 'r', 'o', now() + interval '1 hour')"
    )
    assert told.numbers("paused") == {("all",): 1, ("salesforce",): 0, ("stripe",): 1}


def test_how_far_cohorts_are_is_told_in_contracts_and_in_money(told: Told) -> None:
    assert told.numbers("migrated") == told.numbers("migrated_money") == {}
    for quote, minor, currency, stage in (
        ("q1", 300, "usd", "cut"),
        ("q2", 100, "USD", "equal"),
        ("q3", 0, "EUR", "planned"),
    ):
        told.run(
            "INSERT INTO cohorts (quote_id, cohort, paid_through, legacy_minor, currency, stage) "
            f"VALUES ('{quote}', 'C1', '2026-01-01', {minor}, '{currency}', '{stage}')"
        )

    assert told.numbers("migrated") == {(): pytest.approx(1 / 3)}
    assert told.numbers("migrated_money") == {("USD",): 0.75}


def test_an_invoice_that_was_unlike_its_preview_is_counted_once_also_after_it_was_settled(told: Told) -> None:
    assert told.numbers("unlike") == {(): 0}
    told.run(
        "INSERT INTO crm_rows (sobject, key, hash) VALUES ('Billing_Issue__c', 'BUG-503:in_1', 'h')",
        'INSERT INTO crm_writes (sobject, key, "group", content, hash, fence) '
        "VALUES ('Billing_Issue__c', 'BUG-503:in_1', '001A', '{}', 'h2', 2), ('Billing_Issue__c', 'BUG-503:in_2', '001A', '{}', 'h', 2)",
    )

    assert told.numbers("unlike") == {(): 2}


def test_the_used_part_of_the_allowance_is_told_once_salesforce_has_told_it(told: Told) -> None:
    told.run("INSERT INTO allowances (name, used, allowed) VALUES ('salesforce', 150, 1000), ('other', 1, 1)")
    assert told.numbers("quota") == {(): 0.15}


@pytest.mark.parametrize("allowed", [0])
def test_an_org_without_any_calls_has_no_ratio(told: Told, allowed: int) -> None:
    told.run(f"INSERT INTO allowances (name, used, allowed) VALUES ('salesforce', 0, {allowed})")
    assert told.numbers("quota") == {}


def test_every_number_has_as_many_labels_as_its_name_says(told: Told, database: str) -> None:
    told.run(
        a_run("quote:1", "done"), an_operation("price", "p", "done"), *signed("q", failed="now()"),
        "INSERT INTO allowances (name, used, allowed) VALUES ('salesforce', 1, 10)",
    )  # fmt: skip
    counted: Callable[[str], set[int]] = lambda metric: {len(row[1]) for row in told._rows(metric)}  # noqa: E731
    for metric, one in TOLD.items():
        assert counted(metric) <= {len(one.labels)}, metric
