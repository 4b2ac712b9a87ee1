"""What `run` and `apply` need of the outside, as protocols. `sync.store` and `sync.gateways` implement them;
`sync.wiring` joins them.

Two clocks (DESIGN 3): columns and arguments named ``*_machine_at`` / ``*_s`` of a lease are PostgreSQL's machine
time; ``*_at`` is business time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from sync.crm import CrmAccount, CrmRow, QuoteGraph
from sync.facts import Fact
from sync.records import Operation, Ref, Sent

Lane = Literal["deal", "mirror", "bulk"]


# ------------------------------------------------------------------ notices and subjects


@dataclass(frozen=True)
class NewNotice:
    """Something was said. Unique by (source, external_id). ``body`` is the payload as received (JSON text) or ''."""

    source: str  # "stripe:acct_..", "salesforce:00D..", "request"
    external_id: str
    type: str  # "invoice.paid", "Quote", "retry" ...
    object_kind: str  # Stripe's object name or the Salesforce object
    object_id: str
    object_created_s: int | None = None
    related: Mapping[str, str] = field(default_factory=dict)  # {"customer": "cus_..", "invoice": "in_.."}
    body: str = ""


@dataclass(frozen=True)
class Notice(NewNotice):
    """A stored notice."""

    id: int = 0


@dataclass(frozen=True)
class Mark:
    """Makes a subject due. ``key`` is ``kind:id``. ``settle_s`` > 0 waits that long (machine time) for company, five
    seconds at most in all.

    ``hint_created_s`` is the Stripe creation second of the object, if known: the gateway reads cheaper with it.
    """

    key: str
    lane: Lane
    unit: str  # "unit:<account or customer>"; mirror subjects may carry ""
    settle_s: float = 0.0
    hint_created_s: int | None = None


@dataclass(frozen=True)
class Due:
    """A claimed subject: the ``revision`` this claim saw; ``attempts`` counts this one too."""

    key: str
    revision: int
    attempts: int
    hint_created_s: int | None = None
    error_code: str | None = None

    @property
    def kind(self) -> str:
        return self.key.partition(":")[0]

    @property
    def id(self) -> str:
        return self.key.partition(":")[2]


@dataclass(frozen=True)
class Claim:
    """A lease on a unit (deal lane) or on a batch of subjects (mirror lane). ``token`` is the fence."""

    lane: Lane
    unit: str
    token: int
    subjects: tuple[Due, ...]


@dataclass(frozen=True)
class Done:
    """The subject is as it should be; it wakes at the business instant ``wake_at`` (None = never by itself)."""

    wake_at: datetime | None = None


@dataclass(frozen=True)
class Failed:
    """It waits for a person. Becomes due again by a notice, by a change of a record in ``blocked_on``, or by replay."""

    code: str
    message: str
    blocked_on: tuple[str, ...] = ()
    sum_minor: int | None = None
    currency: str | None = None
    wake_at: datetime | None = None


@dataclass(frozen=True)
class Again:
    """It will pass: due again after the back-off of `attempts` (5 s, 30 s, 2 min, 10 min, 1 h, 6 h with jitter) or
    ``after_s``.
    """

    code: str
    message: str
    after_s: float | None = None


Outcome = Done | Failed | Again


class Subjects(Protocol):
    """What is due, what failed, who holds it. All instants of leases and back-off are machine time inside PostgreSQL."""

    def intake(self, route: Callable[[Notice], Iterable[Mark]], limit: int = 500) -> int:
        """Turn stored notices into marks, in one transaction with marking them processed; returns how many were
        taken. Concurrent callers take different ones.
        """

    def add_notices(self, notices: Sequence[NewNotice]) -> int:
        """Store notices; known (source, external_id) pairs are ignored. Returns how many were new. Committed on
        return.
        """

    def mark(self, marks: Iterable[Mark], *, reason: str) -> int:
        """Raise each subject's revision (creating it if new): it is due. Clears retry_machine_at and wakes nothing
        else.
        """

    def wake_due(self, now: datetime) -> int:
        """Mark every subject whose wake_at <= now (business time) and clear that wake."""

    def wake(self, mark: Mark, at: datetime) -> None:
        """The subject (created if new, not made due) wakes at the business instant ``at``, unless it wakes earlier
        already.
        """

    def claim_unit(self, lane: Lane) -> Claim | None:
        """Lease the unit that has been due longest in ``lane`` with all its due subjects of that lane, or None. A
        busy unit is passed over and costs no attempt.
        """

    def claim_batch(self, lane: Lane, limit: int = 200) -> Claim | None:
        """Lease up to ``limit`` due, settled subjects of ``lane`` (mirror, bulk), whatever their unit; no unit lock."""

    def renew(self, claim: Claim) -> None:
        """Extend the lease; raises LeaseLost when the token is no longer the newest."""

    def finish(self, claim: Claim, outcomes: Mapping[str, Outcome]) -> None:
        """Record each outcome, conditional on the token (LeaseLost otherwise), and release the lease. A subject whose
        revision moved on stays due.
        """

    def release(self, claim: Claim) -> None:
        """Give everything back undone (graceful stop); attempts counted by the claim are taken back."""

    def merge_units(self, into: str, other: str, *, claim: Claim | None = None) -> None:
        """All that belonged to unit ``other`` belongs to ``into``, now and later. Transient TEMP-402 when somebody
        other than ``claim`` works on either.
        """

    def failures(
        self, *, code: str | None = None, keys: Sequence[str] = (), since: datetime | None = None
    ) -> Sequence[SubjectState]: ...

    def state(self, key: str) -> SubjectState | None: ...

    def mark_blocked_on(self, record_ids: Iterable[str], *, reason: str) -> int:
        """Mark due every failed subject that waits for one of these records."""

    def counts(self, now: datetime) -> QueueCounts: ...


@dataclass(frozen=True)
class SubjectState:
    """How a subject stands."""

    key: str
    lane: Lane
    unit: str
    revision: int
    done_revision: int
    attempts: int
    error_code: str | None
    error_message: str | None
    blocked_on: tuple[str, ...]
    sum_minor: int | None
    currency: str | None
    wake_at: datetime | None
    retry_machine_at: datetime | None
    failed_at: datetime | None  # business time of the failure now standing
    reference: str  # short, said to people: "7F3K"


@dataclass(frozen=True)
class QueueCounts:
    """``due`` counts what can run now, by lane; ``retrying`` waits for a back-off (``next_retry_in_s`` machine
    seconds for the earliest); ``leased`` is held by somebody.
    """

    due: Mapping[str, int]
    retrying: int
    next_retry_in_s: float | None
    leased: int
    settling: int
    failed: Mapping[str, int]  # by code
    next_wake_at: datetime | None
    notices: int  # stored, not yet taken in


# ------------------------------------------------------------------ the ledger


@dataclass(frozen=True)
class OpState:
    """One row of `operations`. ``state``: planned sent done failed unknown. ``answered``: for unknown, whether a 5xx
    came.
    """

    id: int
    run_id: int
    ref: Ref
    verb: str
    action: str
    revision: int
    key: str
    payload_hash: str
    state: str
    answered: bool
    first_sent_at: datetime | None  # business time, for the 24 h of idempotency keys
    remote_id: str | None
    error_code: str | None
    request_id: str | None


class Ledger(Protocol):
    """Runs and their operations, each written before it is sent: the audit and the timeline of a record."""

    def open_run(
        self, *, claim: Claim, subject: str, trigger: str, as_of: datetime, digest: str, plan: Mapping[str, object]
    ) -> int: ...

    def last(self, ref: Ref, verb: str, action: str, payload_hash: str) -> OpState | None:
        """The newest operation on this object with this verb, action and content, whatever run it was in."""

    def revision(self, ref: Ref) -> int:
        """The highest revision used for this ref, 0 if none."""

    def plan_operation(self, run_id: int, operation: Operation, *, revision: int, key: str, payload_hash: str) -> int:
        """Write the operation as planned; returns its id. BUG-501 (Unsafe) when the key exists with another payload
        hash.
        """

    def sent(self, op_id: int, claim: Claim, *, now: datetime) -> None:
        """Mark it sent and renew the unit's lease, in one transaction; LeaseLost when the token is stale."""

    def done(self, op_id: int, claim: Claim, sent: Sent, *, link: NewLink | None) -> None:
        """Mark it done and store the link, in one transaction, conditional on the token (LeaseLost leaves it `sent`)."""

    def failed(self, op_id: int, *, code: str, message: str, request_id: str | None) -> None: ...

    def unknown(self, op_id: int, *, answered: bool, code: str, message: str, request_id: str | None) -> None: ...

    def adopted(self, op_id: int, remote_id: str) -> None:
        """A `sent` or `unknown` operation was found to have taken effect: done, by looking."""

    def close_run(
        self, run_id: int, *, outcome: str, error_code: str | None = None, crm_request_id: str | None = None
    ) -> None: ...

    def open_operations(self, refs: Iterable[Ref]) -> Sequence[OpState]:
        """Those of these refs that are `sent` or `unknown`."""

    def timeline(self, subject_or_id: str, limit: int = 200) -> Sequence[Mapping[str, object]]:
        """Runs and operations touching a subject key, Salesforce id, Stripe id or reference, newest first."""


# ------------------------------------------------------------------ links, facts, promises


@dataclass(frozen=True)
class NewLink:
    """Our key <-> Salesforce id <-> Stripe id. Unique both ways per Stripe account."""

    key: str  # "customer:001...", "schedule:0Q0..."
    salesforce_id: str
    stripe_kind: str
    stripe_id: str
    livemode: bool = False


class Links(Protocol):
    """Which Salesforce record and which Stripe object are the same thing."""

    def add(self, link: NewLink) -> None:
        """Store it; the same link again is fine; another Stripe id for the key or another key for the Stripe id
        raises Unsafe BUG-501.
        """

    def by_key(self, keys: Iterable[str]) -> Mapping[str, NewLink]: ...

    def by_stripe_id(self, ids: Iterable[str]) -> Mapping[str, NewLink]: ...

    def by_salesforce_id(self, ids: Iterable[str], stripe_kind: str | None = None) -> Sequence[NewLink]: ...

    def remove(self, key: str) -> None: ...


class Facts(Protocol):
    """The last read of each Stripe object."""

    def fence(self) -> int:
        """A new fence, larger than all before. Take it BEFORE reading what is stored under it."""

    def put(self, facts: Iterable[Fact], fence: int) -> None:
        """Store each unless a newer fence is already there."""

    def get(self, kind: str, ids: Iterable[str]) -> Mapping[str, Fact]: ...

    def of_customers(self, kind: str, customers: Iterable[str]) -> Sequence[Fact]:
        """All facts of ``kind`` (subscription, schedule, invoice, charge) that belong to these Stripe customers,
        deleted ones left out.
        """


@dataclass(frozen=True)
class Promise:
    """What was agreed: the quote as it was when its first Stripe write was planned, and the preview that was in
    force.
    """

    quote_id: str
    input_digest: str
    graph: Mapping[str, object]  # JSON of the QuoteGraph
    preview: Mapping[str, object]
    signed_at: datetime
    frozen_at: datetime | None


class Promises(Protocol):
    """What was signed, and what the rep was shown when it was."""

    def signed(self, quote_id: str, when: datetime) -> datetime:
        """Remember when we first read the quote as accepted; returns the first stamp, whenever asked again."""

    def freeze(self, promise: Promise) -> Promise:
        """Store the promise if none is frozen for the quote; returns the one in force (the first)."""

    def frozen(self, quote_id: str) -> Promise | None: ...


# ------------------------------------------------------------------ towards the CRM


@dataclass(frozen=True)
class OutRow:
    """A row waiting to be flushed. ``attempts`` counts this try."""

    id: int
    row: CrmRow
    hash: str
    fence: int
    attempts: int


@dataclass(frozen=True)
class RowResult:
    """What Salesforce said of one row: the id, or an error already sorted."""

    ok: bool
    salesforce_id: str | None = None
    created: bool = False
    code: str | None = None
    message: str | None = None
    transient: bool = False
    status_code: str | None = None  # Salesforce's own, e.g. FIELD_CUSTOM_VALIDATION_EXCEPTION


class Outbox(Protocol):
    """Rows on their way to the CRM, and the hash of what the CRM last acknowledged for each."""

    def put(self, rows: Iterable[CrmRow], fence: int) -> int:
        """Queue each row unless its hash is what was last acknowledged (and nothing else is queued for it) or a newer
        fence is queued. Returns how many wait because of this call.
        """

    def claim_flush(self, limit: int = 1000) -> Flush | None:
        """Take the org's one flusher lease and up to ``limit`` rows, parents' objects first and whole groups
        together, marked sent; None when nothing waits, when somebody else holds it, or while rows may still be on a
        dead flusher's wire.
        """

    def finish_flush(self, flush: Flush, results: Mapping[int, RowResult], *, request_id: str | None) -> None:
        """Record results conditional on the token. If the lease was lost meanwhile, forget what was acknowledged for
        these rows, so that their present values are sent again (no older value stays in the CRM).
        """

    def abandon_flush(self, flush: Flush, *, code: str, message: str, after_s: float | None, unknown: bool) -> None:
        """The call failed as a whole: rows wait again with back-off; ``unknown`` also forgets what was acknowledged."""

    def waiting(self) -> tuple[int, float | None]:
        """Rows queued, and machine seconds until the earliest may go (None when none waits)."""

    def forget(self, keys: Iterable[tuple[str, str]]) -> None:
        """Forget what was acknowledged for (object, key): the next put sends it whatever it is."""

    def salesforce_ids(self, object_: str, keys: Iterable[str]) -> Mapping[str, str]: ...

    def failed_rows(self) -> Sequence[tuple[OutRow, str, str]]:
        """Rows that wait for a person, with code and message."""


@dataclass(frozen=True)
class Flush:
    """The rows of one call to Salesforce, under the flusher's token."""

    token: int
    rows: tuple[OutRow, ...]


# ------------------------------------------------------------------ cursors, leases, realm, pauses


class Cursors(Protocol):
    """How far each change source was read, who leads, whose store this is."""

    def get(self, name: str) -> Mapping[str, object] | None: ...

    def put(self, name: str, value: Mapping[str, object]) -> None: ...

    def seen(self, object_: str, digests: Mapping[str, str]) -> set[str]:
        """Of record id -> digest of its inputs: the ids whose digest differs from the one last acted on (unknown ids
        included).
        """

    def act_on(self, object_: str, digests: Mapping[str, str]) -> None:
        """Remember these digests as acted on. Call in the same breath as storing the notices they caused."""

    def lead(self, role: str, holder: str, lease_s: float) -> bool:
        """Take or renew the named lease (scheduler leader, poller); True while ``holder`` has it."""

    def resign(self, role: str, holder: str) -> None: ...

    def pin_realm(self, realm: Mapping[str, str]) -> None:
        """Stamp an empty store with org id, Stripe account and livemode; Unsafe CONF-308 when it belongs to another."""

    def installation(self) -> tuple[str, int]:
        """(installation id, epoch): part of every idempotency key; restoring a backup raises the epoch."""

    def paused(self) -> Mapping[str, str]:
        """Scopes that are paused now ("stripe", "salesforce", "all") with the reason given."""


class Budgets(Protocol):
    """Salesforce's daily allowance, shared out by lane."""

    def may_spend(self, name: str, lane: Lane, calls: int = 1) -> bool:
        """Whether a call for this lane leaves the shares of the more urgent lanes, and the reserve for people,
        untouched.
        """

    def spent(self, name: str, lane: Lane, calls: int = 1) -> None: ...

    def told(self, name: str, *, used: int, allowed: int) -> None:
        """What the other side last said of the last 24 hours."""


# ------------------------------------------------------------------ gateways


@dataclass(frozen=True)
class Snapshot:
    """What a gateway read: by the reference asked for. An empty tuple means "looked, there is none"; a missing key
    was not asked.
    """

    found: Mapping[Ref, tuple[Fact, ...]]

    def one(self, ref: Ref) -> Fact | None:
        facts = self.found[ref]
        return facts[0] if facts else None

    def all(self) -> list[Fact]:
        return [f for facts in self.found.values() for f in facts]


@dataclass(frozen=True)
class EventPage:
    """Events oldest first. ``cursor`` is what to pass next time; ``more`` says the head is not reached."""

    notices: tuple[NewNotice, ...]
    cursor: Mapping[str, object]
    more: bool


class StripeGateway(Protocol):
    """One Stripe account. Sorts every error: Transient (429, 409 -> TEMP-401/402; connection before sending ->
    TEMP-406), OutcomeUnknown (5xx answered=True; no answer answered=False, TEMP-403),
    Terminal (400/404/402; CONF-305 for 401/403 rights).
    """

    @property
    def account(self) -> str: ...

    @property
    def livemode(self) -> bool: ...

    def read(self, refs: Iterable[Ref], hints: Mapping[Ref, int] | None = None) -> Snapshot:
        """Read all refs, choosing retrieve or list by cost. Kinds of refs, and what comes back:
        ``product`` id, ``price`` lookup_key, ``price_id`` id, ``coupon`` id, ``customer_id`` id, ``subscription_id``
        id, ``schedule_id`` id, ``invoice_id`` id -> that object or nothing;
        ``customers_by_email`` e-mail, ``schedules_of`` customer, ``subscriptions_of`` customer (all statuses),
        ``charges_of`` payment intent, ``invoice_of`` payment intent, ``invoices_of`` subscription -> all of them.
        A deleted object comes back as a fact with deleted=True where Stripe says so, else as nothing. ``hints`` are
        creation seconds.
        A look-up that fails raises; it never means "none" (BILLING_RULES 5).
        """

    def send(self, operation: Operation, payload: Mapping[str, object], key: str) -> Sent:
        """Send one write (refs in ``payload`` already resolved) under this idempotency key, within
        ``call_deadline_s`` in all, without retrying.
        """

    def events(self, cursor: Mapping[str, object] | None, *, undelivered_only: bool = False) -> EventPage: ...

    def preview(self, payload: Mapping[str, object]) -> Mapping[str, object]:
        """Stripe's create_preview: the raw JSON of one invoice that would be made."""


@dataclass(frozen=True)
class Change:
    """A CRM record whose inputs may have changed. ``digest`` covers the mapped input fields only; ``related`` are ids
    that make sense of it ({"QuoteId": ...}).
    """

    object: str
    id: str
    stamp: str
    digest: str
    related: Mapping[str, str] = field(default_factory=dict)
    deleted: bool = False


@dataclass(frozen=True)
class ChangePage:
    """Changed records up to ``cursor``; ``more`` says the head is not reached."""

    changes: tuple[Change, ...]
    cursor: Mapping[str, object]
    more: bool


class SalesforceGateway(Protocol):
    """One org. Errors sorted as `reference/salesforce.md` 3 lists; every id checked, every SOQL value quoted."""

    @property
    def organization_id(self) -> str: ...

    def quotes(self, ids: Sequence[str]) -> Mapping[str, QuoteGraph]:
        """The whole graph of each quote, set-wise, in as few Composite calls as possible. Missing ids are absent;
        deleted ones come with is_deleted.
        """

    def quotes_of_deal(self, opportunity_ids: Sequence[str]) -> Mapping[str, Sequence[str]]:
        """Ids of signed quotes on these Opportunities."""

    def accounts(self, ids: Sequence[str]) -> Mapping[str, CrmAccount]: ...

    def find_accounts(
        self, *, stripe_customer_ids: Sequence[str] = (), emails: Sequence[str] = ()
    ) -> Sequence[CrmAccount]:
        """CrmAccount rows carrying one of these Stripe ids or billing e-mails (Account.Billing_Email__c,
        PersonEmail).
        """

    def billing_timezones(self) -> Mapping[str, str]:
        """The billing time zone of every Account that has one of its own."""

    def create_account(self, fields: Mapping[str, object]) -> str: ...

    def changes(self, heat: Literal["hot", "cold"], cursor: Mapping[str, object] | None) -> ChangePage:
        """The next page of changed records by keyset on (SystemModstamp, Id): hot = Quote, QuoteLineItem, Account;
        cold = Product2, PricebookEntry, Product_Price_Tier__c, Contact, Opportunity; deletes by queryAll. One
        Composite call a page.
        """

    def flush(self, rows: Sequence[OutRow]) -> tuple[Mapping[int, RowResult], str | None]:
        """Upsert rows: up to 200 of one object a Collections call, up to 5 such calls in one Composite, parents
        first, each external id once; one result per row id. Also the request id.
        """

    def limits(self) -> Mapping[str, int]:
        """{"used": n, "allowed": m} of the daily API allowance, from the last answer's header, else by asking."""
