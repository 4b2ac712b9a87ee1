"""Writing to Stripe: which key a step is sent under, and what the ledger knows before, during and after (DESIGN 4, outcome rules)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, text

from sync.apply import Writer, idempotency_key, next_revision, payload_hash, plain, resolve
from sync.errors import AlreadyExists, LeaseLost, OutcomeUnknown, SyncError, Terminal, Transient
from sync.ports import Claim, Mark, OpState
from sync.records import Operation, Ref, Sent, Verb
from sync.store.engine import make_engine
from sync.store.ledger import StoredLedger
from sync.store.links import StoredLinks
from sync.store.subjects import StoredSubjects

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HERE = ("installation", 1)
CUSTOMER, SCHEDULE = Ref("customer", "001A"), Ref("schedule", "0Q0A")


def op_state(state: str, *, revision: int = 1, **more: Any) -> OpState:
    values: dict[str, Any] = {
        "id": 1, "run_id": 1, "ref": SCHEDULE, "verb": "create", "action": "", "key": "k", "payload_hash": "h", "answered": False,
        "first_sent_at": NOW, "remote_id": None, "error_code": None, "request_id": None,
    }  # fmt: skip
    return OpState(state=state, revision=revision, **{**values, **more})


LATER = NOW + timedelta(hours=23, minutes=59)
TOO_LATE = NOW + timedelta(hours=24)
REVISIONS = {
    "never tried": (None, 0, NOW, 1),
    "never tried, but other content was": (None, 4, NOW, 5),
    "done, and gone since": (op_state("done"), 1, NOW, 2),
    "refused for good": (op_state("failed", error_code="BUG-502"), 1, NOW, 2),
    "refused for rights": (op_state("failed", error_code="CONF-305"), 1, NOW, 2),
    "429: not executed": (op_state("failed", error_code="TEMP-401"), 1, NOW, 1),
    "409: not executed": (op_state("failed", error_code="TEMP-402"), 1, NOW, 1),
    "planned, never sent": (op_state("planned", first_sent_at=None), 1, NOW, 1),
    "500: Stripe would replay it": (op_state("unknown", answered=True, error_code="TEMP-403"), 1, NOW, 2),
    "no answer": (op_state("unknown"), 1, NOW, 1),
    "no answer, within the day": (op_state("unknown"), 1, LATER, 1),
    "no answer, after the day": (op_state("unknown"), 1, TOO_LATE, 2),
    "died while it was sent": (op_state("sent"), 1, NOW, 1),
    "died while it was sent, days ago": (op_state("sent"), 1, TOO_LATE, 2),
    "no answer, then other content was sent": (op_state("unknown"), 2, NOW, 3),
    "died while it was sent, then other content was sent": (op_state("sent"), 2, NOW, 3),
}


@pytest.mark.parametrize("case", REVISIONS)
def test_revision_of_the_next_sending_after(case: str) -> None:
    last, highest, now, expected = REVISIONS[case]
    assert next_revision(last, highest, now) == expected


def test_the_key_knows_operation_object_revision_installation_and_epoch() -> None:
    base = Operation(Verb.UPDATE, SCHEDULE, {"quantity": 3}, remote_id="sub_sched_1")
    keys = {
        idempotency_key(base, 1, HERE),
        idempotency_key(base, 2, HERE),
        idempotency_key(base, 1, ("other", 1)),
        idempotency_key(base, 1, ("installation", 2)),
        idempotency_key(Operation(Verb.CREATE, SCHEDULE, {"quantity": 3}), 1, HERE),
        idempotency_key(Operation(Verb.ACT, SCHEDULE, {}, action="release"), 1, HERE),
        idempotency_key(Operation(Verb.UPDATE, Ref("schedule", "0Q0B"), {"quantity": 3}), 1, HERE),
    }
    assert len(keys) == 7
    assert idempotency_key(Operation(Verb.UPDATE, SCHEDULE, {"quantity": 4}), 1, HERE) == idempotency_key(base, 1, HERE)
    assert all(len(key) <= 255 for key in keys)


def test_content_is_the_same_before_and_after_what_it_names_exists() -> None:
    payload = {"customer": CUSTOMER, "unit_amount_decimal": Decimal("1E+2"), "items": ({"price": "p"},), "flag": True}

    assert plain(payload) == {
        "customer": "@customer:001A",
        "unit_amount_decimal": "100",
        "items": [{"price": "p"}],
        "flag": True,
    }
    assert resolve(payload, {CUSTOMER: "cus_1"})["customer"] == "cus_1"  # type: ignore[index, call-overload]
    changed = Operation(Verb.CREATE, SCHEDULE, {**payload, "flag": False})
    assert payload_hash(Operation(Verb.CREATE, SCHEDULE, payload)) != payload_hash(changed)


def test_a_name_without_an_object_is_a_fault_of_the_plan() -> None:
    with pytest.raises(Terminal, match="BUG-502"):
        resolve({"items": [{"customer": CUSTOMER}]}, {})


# ------------------------------------------------------------------ with the real ledger


@dataclass
class FakeStripe:
    """Answers what it is told to, and notes what it was sent and what the ledger said at that moment."""

    answers: list[Sent | SyncError | Exception]
    look: Callable[[], list[str]]
    sent: list[tuple[Operation, Mapping[str, object], str]] = field(default_factory=list)
    ledger_said: list[list[str]] = field(default_factory=list)
    livemode: bool = False
    meanwhile: Callable[[], object] = lambda: None

    def send(self, operation: Operation, payload: Mapping[str, object], key: str) -> Sent:
        self.sent.append((operation, payload, key))
        self.ledger_said.append(self.look())
        self.meanwhile()
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def keys(self) -> list[str]:
        return [key for _, _, key in self.sent]


@dataclass
class Bench:
    """A claim on a unit, and a writer before a Stripe that answers as told."""

    engine: Engine
    subjects: StoredSubjects
    ledger: StoredLedger
    links: StoredLinks
    claim: Claim
    now: datetime = NOW
    stripe: FakeStripe = field(init=False)

    def __post_init__(self) -> None:
        self.stripe = FakeStripe([], self.states)

    def apply(self, *operations: Operation, known: Mapping[Ref, str] | None = None) -> Any:
        clock: Any = type("At", (), {"now": lambda _: self.now})()
        stripe: Any = self.stripe
        run = self.ledger.open_run(
            claim=self.claim, subject="quote:0Q0A", trigger="due", as_of=self.now, digest="", plan={}
        )
        writer = Writer(stripe, self.ledger, clock, HERE)
        of_crm = {CUSTOMER: "001A", SCHEDULE: "0Q0A"}
        return writer.apply(operations, claim=self.claim, run_id=run, known=known or {}, salesforce_ids=of_crm)

    def states(self) -> list[str]:
        with self.engine.connect() as connection:
            return list(connection.execute(text("SELECT state FROM operations ORDER BY id")).scalars())


@pytest.fixture
def bench(database: str) -> Iterator[Bench]:
    engine = make_engine(database, name="test", pool_size=4)
    subjects = StoredSubjects(engine, now=lambda: NOW)
    subjects.mark([Mark("quote:0Q0A", "deal", "unit:001A")], reason="test")
    claim = subjects.claim_unit("deal")
    assert claim is not None
    links = StoredLinks(engine, stripe_account="acct_1")
    yield Bench(engine, subjects, StoredLedger(engine, links), links, claim)
    engine.dispose()


def create(**payload: Any) -> Operation:
    return Operation(Verb.CREATE, SCHEDULE, payload or {"quantity": 3}, money=True)


def update(quantity: int) -> Operation:
    return Operation(Verb.UPDATE, SCHEDULE, {"quantity": quantity}, remote_id="sub_sched_1")


def done(remote_id: str = "sub_sched_1") -> Sent:
    return Sent(remote_id, {"id": remote_id}, "req_1")


NO_ANSWER = OutcomeUnknown("TEMP-403", "no answer", answered=False)
FAILED_INSIDE = OutcomeUnknown("TEMP-403", "500", answered=True, request_id="req_500")


def test_every_operation_is_written_before_it_is_sent_and_closed_after(bench: Bench) -> None:
    customer = Operation(Verb.CREATE, CUSTOMER, {"name": "Acme"})
    bench.stripe.answers = [done("cus_1"), done()]

    applied = bench.apply(customer, create(customer=CUSTOMER))

    assert bench.stripe.ledger_said == [["sent"], ["done", "sent"]]
    assert bench.states() == ["done", "done"]
    assert bench.stripe.sent[1][1] == {"customer": "cus_1"}
    assert applied.ids == {CUSTOMER: "cus_1", SCHEDULE: "sub_sched_1"}
    assert {k: v.stripe_id for k, v in bench.links.by_key(["customer:001A", "schedule:0Q0A"]).items()} == {
        "customer:001A": "cus_1",
        "schedule:0Q0A": "sub_sched_1",
    }


def test_nothing_more_is_sent_after_a_failure(bench: Bench) -> None:
    bench.stripe.answers = [Terminal("CONF-305", "no right", request_id="req_9")]

    with pytest.raises(Terminal):
        bench.apply(Operation(Verb.CREATE, CUSTOMER, {"name": "Acme"}), create())

    assert bench.states() == ["failed"]
    assert len(bench.stripe.sent) == 1


def test_three_four_three_four_are_four_writes(bench: Bench) -> None:
    bench.stripe.answers = [done() for _ in range(4)]

    for quantity in (3, 4, 3, 4):
        bench.apply(update(quantity))

    assert len(set(bench.stripe.keys)) == 4


def test_three_without_an_answer_then_four_then_three_is_a_new_write(bench: Bench) -> None:
    bench.stripe.answers = [NO_ANSWER, done(), done()]

    with pytest.raises(OutcomeUnknown):
        bench.apply(update(3))
    bench.apply(update(4))
    bench.apply(update(3))

    assert len(set(bench.stripe.keys)) == 3


def test_a_lost_answer_is_asked_for_again_under_the_same_key_within_the_day(bench: Bench) -> None:
    bench.stripe.answers = [NO_ANSWER, NO_ANSWER, done()]

    for _ in range(2):
        with pytest.raises(OutcomeUnknown):
            bench.apply(create())
        bench.now += timedelta(hours=10)
    bench.apply(create())

    assert len(set(bench.stripe.keys)) == 1
    assert bench.states() == ["done", "done", "done"]


def test_a_lost_answer_gets_a_new_key_a_day_after_the_first_sending_not_the_last(bench: Bench) -> None:
    bench.stripe.answers = [NO_ANSWER, NO_ANSWER, done()]
    for hours in (20, 4):
        with pytest.raises(OutcomeUnknown):
            bench.apply(create())
        bench.now += timedelta(hours=hours)

    bench.apply(create())

    first, second, third = bench.stripe.keys
    assert first == second != third


def test_a_replayed_500_is_never_asked_for_again(bench: Bench) -> None:
    bench.stripe.answers = [FAILED_INSIDE, done()]

    with pytest.raises(OutcomeUnknown):
        bench.apply(create())
    bench.apply(create())

    assert len(set(bench.stripe.keys)) == 2
    assert bench.states() == ["unknown", "done"]


@pytest.mark.parametrize("code", ["TEMP-401", "TEMP-402"])
def test_what_was_not_executed_keeps_its_key(bench: Bench, code: str) -> None:
    bench.stripe.answers = [Transient(code, "not now"), Transient(code, "not now"), done()]

    for _ in range(2):
        with pytest.raises(Transient):
            bench.apply(create())
    bench.apply(create())

    assert len(set(bench.stripe.keys)) == 1
    assert bench.states() == ["failed", "failed", "done"]


def test_a_429_between_does_not_bring_back_the_key_of_a_500(bench: Bench) -> None:
    bench.stripe.answers = [FAILED_INSIDE, Transient("TEMP-401", "slow down"), done()]

    for _ in range(2):
        with pytest.raises(Transient):
            bench.apply(create())
    bench.apply(create())

    first, second, third = bench.stripe.keys
    assert first != second == third


def test_an_object_that_exists_already_is_recorded_and_left_to_the_next_look(bench: Bench) -> None:
    bench.stripe.answers = [AlreadyExists("TEMP-402", "there is one")]

    with pytest.raises(AlreadyExists):
        bench.apply(create())

    assert bench.states() == ["failed"]


def test_nothing_is_sent_once_another_holds_the_unit(bench: Bench) -> None:
    _taken_over(bench)

    with pytest.raises(LeaseLost):
        bench.apply(create())

    assert bench.stripe.sent == []
    assert bench.states() == ["planned"]


def test_an_answer_that_comes_after_the_lease_was_lost_leaves_the_step_open_for_a_look(bench: Bench) -> None:
    bench.stripe.answers = [done()]
    bench.stripe.meanwhile = lambda: _taken_over(bench)

    with pytest.raises(LeaseLost):
        bench.apply(create())

    assert bench.states() == ["sent"]
    assert bench.links.by_key(["schedule:0Q0A"]) == {}


def test_a_plan_out_of_order_sends_nothing(bench: Bench) -> None:
    with pytest.raises(Terminal, match="BUG-502"):
        bench.apply(create(customer=CUSTOMER))

    assert bench.stripe.sent == []
    assert bench.states() == ["planned"]


def test_a_live_account_is_linked_as_live(bench: Bench) -> None:
    bench.stripe.livemode, bench.stripe.answers = True, [done()]

    bench.apply(create())

    assert bench.links.by_key(["schedule:0Q0A"])["schedule:0Q0A"].livemode


def test_an_action_makes_no_link(bench: Bench) -> None:
    bench.stripe.answers = [done("in_1")]

    bench.apply(Operation(Verb.ACT, Ref("invoice", "0Q0A:begun"), {}, remote_id="in_1", action="finalize"))

    assert bench.links.by_stripe_id(["in_1"]) == {}


def _taken_over(bench: Bench) -> None:
    """The lease ran out and another worker took the unit."""
    with bench.engine.begin() as connection:
        for table in ("units", "subjects"):
            connection.execute(text(f"UPDATE {table} SET lease_until_machine_at = now() - interval '1 second'"))
    assert bench.subjects.claim_unit("deal") is not None
