"""From a quote to a plan, without a write: the one path of preview, rehearsal and apply (DESIGN 1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from sync.crm import CrmAccount, QuoteGraph
from sync.deal.calendar import seconds
from sync.deal.deal import Deal
from sync.deal.forecast import Forecast, forecast
from sync.deal.policy import BillingPolicy
from sync.desired.catalog import desire_catalogue
from sync.desired.customer import Create, Linked, Looked, Question, check_customer, desire_customer, match_customer
from sync.desired.keys import DEAL, PLAIN_FROM
from sync.desired.made import begun, made
from sync.desired.preview import Preview, preview
from sync.desired.references import candidate_refs, catalogue_refs, live_refs, stated_refs
from sync.desired.subscription import Wanted, desire
from sync.diff import diff
from sync.errors import Refused
from sync.facts import Customer, Fact, Schedule, Subscription
from sync.observed import actuals
from sync.plan import Plan
from sync.ports import Links, NewLink, SalesforceGateway, Snapshot, StripeGateway
from sync.quotes.standard import read_quote
from sync.records import Ref

F = TypeVar("F", bound=Fact)


@dataclass(frozen=True)
class Worked:
    """All that was worked out of one quote: the plan is what is still missing. ``objects`` are the customer's
    subscriptions and schedules; ``held`` says whether the customer was linked already.
    """

    graph: QuoteGraph
    deal: Deal
    forecast: Forecast
    customer: Linked | None
    held: bool
    wanted: Wanted
    plan: Plan
    known: Mapping[Ref, str]
    objects: tuple[Fact, ...]
    preview: Preview


@dataclass(frozen=True)
class Planner:
    """Reads both sides live and decides; raises what forbids the deal (Refused, Unsafe) or the look-up (Transient)."""

    stripe: StripeGateway
    salesforce: SalesforceGateway
    links: Links
    policy: BillingPolicy

    def work(self, graph: QuoteGraph, now: datetime, *, keep: Callable[[], None] = lambda: None) -> Worked:
        """What the quote means now, what is there, and what is missing. Raises Refused with every fault found.

        ``keep`` is called before each reading, so that a lease outlasts all of them.
        """
        deal = read_quote(graph, self.policy, now)
        account = graph.account
        assert account is not None  # a quote without one was refused
        held = self._held(account)
        keep()
        snapshot = self.stripe.read(
            (*candidate_refs(account, deal.payer.email, held, graph.quote.customer_choice), *catalogue_refs(deal))
        )
        customer = self._match(graph, account, deal, held, snapshot)
        keep()
        objects, stated = self._business(customer, deal)
        keep()
        if refusals := check_customer(deal, _of(objects, Subscription), _of(objects, Schedule)):
            raise Refused(refusals)
        done = made(deal, objects)
        wanted = desire(deal, now, done, self.policy)
        foreseen = forecast(deal, now, begun(deal, done))
        matched = customer.customer if customer else None
        desired = (
            () if wanted.waiting else (desire_customer(deal.payer, matched), *desire_catalogue(deal), *wanted.objects)
        )
        actual = actuals([*snapshot.all(), *objects, *stated], customer=(account.id, matched) if matched else None)
        return Worked(
            graph=graph,
            deal=deal,
            forecast=foreseen,
            customer=customer,
            held=held is not None,
            wanted=wanted,
            plan=diff(desired, actual),
            known={ref: found.remote_id for ref, found in actual.items()},
            objects=objects,
            preview=preview(deal, foreseen, customer),
        )

    def read_objects(self, customer_id: str) -> tuple[Fact, ...]:
        """What runs or is planned for a customer, read now."""
        return tuple(self.stripe.read(live_refs(customer_id)).all())

    def _held(self, account: CrmAccount) -> str | None:
        link = self.links.by_key([f"customer:{account.id}"]).get(f"customer:{account.id}")
        return link.stripe_id if link else None

    def _match(
        self, graph: QuoteGraph, account: CrmAccount, deal: Deal, held: str | None, snapshot: Snapshot
    ) -> Linked | None:
        by_email = snapshot.found.get(Ref("customers_by_email", deal.payer.email), ())
        by_id = {
            r.key: next((f for f in found if isinstance(f, Customer)), None)
            for r, found in snapshot.found.items()
            if r.kind == "customer_id"
        }
        candidates = [f.id for f in by_email] + list(by_id)
        links: Mapping[str, NewLink] = self.links.by_stripe_id(candidates) if candidates else {}
        looked = Looked(
            held=held,
            by_id=by_id,
            by_email=tuple(f for f in by_email if isinstance(f, Customer)),
            holders={i: link.salesforce_id for i, link in links.items()},
            same_id=() if held or not account.stripe_customer_id else self._others(account),
        )
        match = match_customer(
            account, deal.payer.email, looked, quote_id=graph.quote.id, choice=graph.quote.customer_choice
        )
        if isinstance(match, Question):
            raise Refused((match.refusal,))
        return None if isinstance(match, Create) else match

    def _others(self, account: CrmAccount) -> tuple[str, ...]:
        found = self.salesforce.find_accounts(stripe_customer_ids=[account.stripe_customer_id or ""])
        return tuple(sorted(a.id for a in found if a.id != account.id))

    def _business(self, customer: Linked | None, deal: Deal) -> tuple[tuple[Fact, ...], Sequence[Fact]]:
        """The customer's subscriptions and schedules, and the invoices on which the deal may have stated amounts."""
        if customer is None:
            return (), ()
        objects = self.read_objects(customer.customer.id)
        ours = tuple(s.id for s in _of(objects, Subscription) if _is_begun(s, deal))
        stated = self.stripe.read(stated_refs(ours)).all() if ours else []
        return objects, stated


def _is_begun(subscription: Subscription, deal: Deal) -> bool:
    """Whether the deal was late for its start with this subscription, so that the time before is on an invoice of ours."""
    plain_s = subscription.metadata.get(PLAIN_FROM, "")
    late = plain_s.isdecimal() and int(plain_s) > seconds(deal.boundary(deal.start))
    return late and subscription.metadata.get(DEAL) == deal.key


def _of(facts: Sequence[Fact], type_: type[F]) -> list[F]:
    return [f for f in facts if isinstance(f, type_)]
