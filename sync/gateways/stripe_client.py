"""The Stripe gateway: `sync.ports.StripeGateway` for one account."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import redis

from sync.errors import Terminal
from sync.facts import Fact
from sync.gateways.http import Transport
from sync.gateways.stripe_budget import Budget, Rate
from sync.gateways.stripe_events import Events
from sync.gateways.stripe_facts import facts_of, preview_of
from sync.gateways.stripe_http import API_VERSION, StripeHttp
from sync.gateways.stripe_json import need
from sync.gateways.stripe_lists import Lists
from sync.gateways.stripe_operations import METER_EVENT, OPERATIONS, PREVIEW, READS
from sync.gateways.stripe_reads import Reads
from sync.gateways.stripe_usage import Meters
from sync.ports import EVER, EventPage, FactKind, FactPage, Previewed, Snapshot, Span
from sync.records import Operation, Ref, Sent, Verb

#: A test account's limits less a fifth: Stripe allows 25 calls a second in all and for each endpoint there, 100 in
#: all when live.
#: Of a credit note what decides what it comes to.
PREVIEWED = ("invoice", "lines", "credit_amount", "refund_amount")
ACCOUNT_RATE = Rate(per_s=20, burst=20)
ENDPOINT_RATE = Rate(per_s=20, burst=10)


class StripeAccount:
    """One Stripe account, by its API key. Thread-safe; one for each process and account."""

    def __init__(self, http: StripeHttp) -> None:
        self._http = http
        self._reads = Reads(http)
        self._lists = Lists(http, self._reads)
        self._events = Events(http)
        self._account: str | None = None
        self.meters = Meters(http)

    @property
    def account(self) -> str:
        """The account's id (``acct_...``), asked of Stripe once."""
        if self._account is None:
            self._account = str(self._http.get(READS["account"]).get("id") or "")
            if not self._account:
                raise Terminal("BUG-502", "Unexpected answer from Stripe: the account has no id.")
        return self._account

    @property
    def is_known(self) -> bool:
        """Whether it was said which account this is."""
        return self._account is not None

    def known_as(self, account: str) -> None:
        """It is this account, as far as is known while it does not answer."""
        self._account = account

    @property
    def calls(self) -> int:
        """Requests that this process has begun."""
        return self._http.calls

    @property
    def livemode(self) -> bool:
        """True for a live key."""
        return self._http.livemode

    @property
    def source(self) -> str:
        """Where its notices come from: ``stripe:<account id>``."""
        return f"stripe:{self.account}"

    def read(self, refs: Iterable[Ref], hints: Mapping[Ref, int] | None = None) -> Snapshot:
        return Snapshot(self._reads.read(refs, hints))

    def send(self, operation: Operation, payload: Mapping[str, object], key: str) -> Sent:
        endpoint = OPERATIONS.get((operation.ref.kind, operation.verb, operation.action))
        if endpoint is None:
            what = " ".join(p for p in (operation.verb, operation.ref.kind, operation.action) if p)
            raise Terminal("BUG-502", f"The Stripe gateway can't {what}.")
        if (operation.remote_id is None) != (operation.verb is Verb.CREATE):
            raise Terminal("BUG-502", f"{operation.ref}: an operation has an id exactly when its object exists.")
        id, params = _path_and_params(operation, payload, endpoint.id_from)
        answer = self._http.write(endpoint, params, id=id, key=key)
        body: Mapping[str, Any] = answer.json()
        return Sent(
            remote_id=str(body.get("id") or operation.remote_id or ""),
            body=body,
            request_id=answer.headers.get("request-id", ""),
            replayed=answer.headers.get("idempotent-replayed") == "true",
        )

    def told(self, sent: Sent) -> tuple[Fact, ...]:
        return facts_of([sent.body])

    def events(self, cursor: Mapping[str, object] | None, *, undelivered_only: bool = False) -> EventPage:
        return self._events.read(cursor, self.source, undelivered_only=undelivered_only)

    def events_head(self) -> Mapping[str, object]:
        return self._events.head()

    def list_facts(self, kind: FactKind, after: str | None = None, span: Span = EVER) -> FactPage:
        return self._lists.page(kind, after, span)

    def preview(self, payload: Mapping[str, object]) -> Previewed | None:
        raw = self._http.ask(PREVIEW, payload)
        return None if raw is None else Previewed(preview_of(raw), raw)

    def credit_total(self, note: Mapping[str, object]) -> int:
        answer = self._http.get(READS["credit_note_preview"], {k: note[k] for k in PREVIEWED if k in note})
        return int(need(answer, "total", int))

    def webhook_endpoints(self) -> Sequence[Mapping[str, Any]]:
        """The webhook endpoints of the account, without their secrets (Stripe tells a secret once, at creation)."""
        return self._http.listed(READS["webhook_endpoints"], {})

    def create_webhook_endpoint(self, url: str, events: Sequence[str], *, key: str) -> tuple[str, str]:
        """An endpoint at ``url`` for these event types, rendered at the pinned API version. Returns its id and its
        signing secret.
        """
        payload = {"url": url, "enabled_events": list(events), "api_version": API_VERSION}
        sent = self.send(Operation(Verb.CREATE, Ref("webhook_endpoint", url), {}), payload, key)
        return sent.remote_id, str(sent.body.get("secret") or "")


def _path_and_params(
    operation: Operation, payload: Mapping[str, object], id_from: str
) -> tuple[str, Mapping[str, object]]:
    """The id that goes into the path, and what is sent: an object of a customer names its owner in the path only."""
    if not id_from:
        return operation.remote_id or "", payload
    owner = payload.get(id_from)
    if not isinstance(owner, str) or not owner:
        raise Terminal("BUG-502", f"{operation.ref}: its payload does not say which {id_from} it is for.")
    return owner, {name: value for name, value in payload.items() if name != id_from}


def connect(
    *,
    api_key: str,
    api_base: str,
    user_agent: str,
    bucket: str,
    redis_client: redis.Redis | None = None,
    account_rate: Rate = ACCOUNT_RATE,
    endpoint_rate: Rate = ENDPOINT_RATE,
    usage_rate: Rate | None = None,
    call_deadline_s: float = 30.0,
    proxy: str | None = None,
) -> StripeAccount:
    """A gateway to the account of ``api_key``; nothing is called yet.

    ``bucket`` names the account in the shared buckets (its id, or a hash of the key). Rates are calls a second; Stripe
    allows 100 live or 25 in a test account, and 25 for each endpoint (reference: Stripe, Rate limits).
    """
    transport = Transport(user_agent=user_agent, call_deadline_s=call_deadline_s, proxy=proxy)
    own = {f"{METER_EVENT.method} {METER_EVENT.path}": usage_rate} if usage_rate else None
    budget = Budget(account=account_rate, endpoint=endpoint_rate, name=bucket, client=redis_client, own=own)
    return StripeAccount(StripeHttp(api_key=api_key, api_base=api_base, transport=transport, budget=budget))
