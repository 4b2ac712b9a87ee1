"""Stripe's side of a plan in facts: what would be read back after each operation took effect. No HTTP, no clock."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sync import facts
from sync.deal.deal import Deal
from sync.desired.catalog import desire_catalogue
from sync.desired.customer import desire_customer
from sync.desired.keys import ACCOUNT
from sync.desired.made import made
from sync.desired.subscription import Wanted, desire
from sync.diff import diff
from sync.observed import actuals
from sync.plan import Plan
from sync.records import Operation, Ref, Verb


class StripeAnswers:
    """Everything made so far, as facts; operations are carried out as Stripe would."""

    def __init__(self) -> None:
        self.facts: dict[str, facts.Fact] = {}
        self.ids: dict[Ref, str] = {}
        self.writes: list[Operation] = []
        self.now_s = 0  # of the last plan

    # -------------------------------------------------------------- a deal run, pure

    def plan(self, deal: Deal, now: datetime) -> Plan:
        self.now_s = int(now.timestamp())
        read = tuple(self.facts.values())
        customer = self.customer(deal)
        wanted = self.want(deal, now)
        known = actuals(read, customer=(deal.payer.account_id, customer) if customer else None)
        return diff((desire_customer(deal.payer, customer), *desire_catalogue(deal), *wanted.objects), known)

    def want(self, deal: Deal, now: datetime) -> Wanted:
        return desire(deal, now, made(deal, self.facts.values()))

    def customer(self, deal: Deal) -> facts.Customer | None:
        owned = (f for f in self.of(facts.Customer) if f.metadata.get(ACCOUNT) == deal.payer.account_id)
        return next(owned, None)

    def converge(self, deal: Deal, now: datetime, passes: int = 5) -> list[Plan]:
        plans = []
        while (plan := self.plan(deal, now)) and len(plans) < passes:
            plan.raise_if_unsafe()
            self.apply(plan)
            plans.append(plan)
        return plans

    def apply(self, plan: Plan, stop_after: int | None = None) -> None:
        for operation in plan.operations[:stop_after]:
            self.writes.append(operation)
            self._carry_out(operation)

    def of(self, kind: type[facts.Fact]) -> list[Any]:
        return [fact for fact in self.facts.values() if isinstance(fact, kind)]

    def change(self, fact: facts.Fact, **changes: Any) -> None:
        self.facts[fact.id] = fact.model_copy(update=changes)

    # -------------------------------------------------------------- what Stripe does

    def _carry_out(self, operation: Operation) -> None:
        payload = self._resolved(operation.payload)
        name = f"{operation.verb}_{operation.action or operation.ref.kind}"
        getattr(self, f"_{name}")(operation, payload)

    def _resolved(self, value: Any) -> Any:
        if isinstance(value, Ref):
            assert value in self.ids, f"{value} is used before it exists"
            return self.ids[value]
        if isinstance(value, Mapping):
            return {key: self._resolved(part) for key, part in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._resolved(part) for part in value]
        return value

    def _add(self, ref: Ref, fact: facts.Fact) -> None:
        assert fact.id not in self.facts, f"{fact.id} exists already"
        self.facts[fact.id] = fact
        self.ids[ref] = fact.id

    def _new_id(self, prefix: str) -> str:
        return f"{prefix}_{len(self.facts) + 1:04d}"

    def _create_customer(self, operation: Operation, p: dict[str, Any]) -> None:
        fact = facts.Customer(id=self._new_id("cus"), name=p["name"], email=p["email"], metadata=p["metadata"])
        self._add(operation.ref, fact)

    def _update_customer(self, operation: Operation, p: dict[str, Any]) -> None:
        old = self.facts[str(operation.remote_id)]
        self.change(old, **{**p, "metadata": {**old.metadata, **p.get("metadata", {})}})

    def _create_product(self, operation: Operation, p: dict[str, Any]) -> None:
        fact = facts.Product(id=p["id"], name=p["name"], tax_code=p.get("tax_code"), metadata=p["metadata"])
        self._add(operation.ref, fact)

    def _update_product(self, operation: Operation, p: dict[str, Any]) -> None:
        self.change(self.facts[str(operation.remote_id)], **p)

    _update_price = _update_product

    def _create_price(self, operation: Operation, p: dict[str, Any]) -> None:
        recurring = p.get("recurring", {})
        fact = facts.Price(
            id=self._new_id("price"),
            product=p["product"],
            currency=p["currency"],
            lookup_key=p["lookup_key"],
            unit_amount_decimal=p["unit_amount_decimal"] + Decimal("0.0"),
            interval=recurring.get("interval"),
            interval_count=recurring.get("interval_count", 1),
            metadata=p["metadata"],
        )
        self._add(operation.ref, fact)

    def _create_coupon(self, operation: Operation, p: dict[str, Any]) -> None:
        assert p["duration"] == "forever"
        self._add(operation.ref, facts.Coupon(id=p["id"], percent_off=p["percent_off"] + Decimal("0.0")))

    def _create_schedule(self, operation: Operation, p: dict[str, Any]) -> None:
        if "from_subscription" in p:
            assert set(p) == {"from_subscription"}
            self._from_subscription(operation, p["from_subscription"])
            return
        settings = p["default_settings"]
        fact = facts.Schedule(
            id=self._new_id("sub_sched"),
            customer=p["customer"],
            status="not_started",
            end_behavior=p["end_behavior"],
            collection_method=settings["collection_method"],
            days_until_due=settings.get("invoice_settings", {}).get("days_until_due"),
            custom_fields=_custom_fields(settings.get("invoice_settings", {})),
            phases=_phases(p["phases"], p["start_date"]),
            metadata=p["metadata"],
        )
        self._add(operation.ref, fact)

    def _from_subscription(self, operation: Operation, subscription_id: str) -> None:
        subscription = self.facts[subscription_id]
        assert isinstance(subscription, facts.Subscription)
        items = tuple(
            facts.PhaseItem(price=i.price.id, quantity=i.quantity, coupons=i.coupons) for i in subscription.items
        )
        fact = facts.Schedule(
            id=self._new_id("sub_sched"),
            customer=subscription.customer,
            status="active",
            subscription=subscription.id,
            end_behavior="release",
            collection_method=subscription.collection_method,
            days_until_due=subscription.days_until_due,
            phases=(
                facts.Phase(
                    start_s=subscription.start_date_s,
                    end_s=subscription.billing_cycle_anchor_s,
                    items=items,
                    proration_behavior="create_prorations",
                ),
            ),
        )
        self._add(operation.ref, fact)
        self.change(subscription, schedule=fact.id)

    def _update_schedule(self, operation: Operation, p: dict[str, Any]) -> None:
        old = self.facts[str(operation.remote_id)]
        assert isinstance(old, facts.Schedule)
        changes: dict[str, Any] = {"metadata": {**old.metadata, **p.get("metadata", {})}}
        if "phases" in p:
            assert p["proration_behavior"] == "none"
            assert p["phases"][0]["start_date"] == old.phases[0].start_s
            phases = _phases(p["phases"], p["phases"][0]["start_date"])
            changes |= {"phases": phases, "end_behavior": p["end_behavior"]}
        if "default_settings" in p:
            settings = p["default_settings"].get("invoice_settings", {})
            changes["days_until_due"] = settings.get("days_until_due")
            changes["custom_fields"] = _custom_fields(settings)
        self.change(old, **changes)

    def _create_subscription(self, operation: Operation, p: dict[str, Any]) -> None:
        assert p["proration_behavior"] == "none"
        items = tuple(
            facts.Item(
                id=f"si_{n}",
                price=self.facts[item["price"]],
                quantity=item["quantity"],
                coupons=tuple(d["coupon"] for d in item.get("discounts", [])),
                metadata=item["metadata"],
            )
            for n, item in enumerate(p["items"])
        )
        fact = facts.Subscription(
            id=self._new_id("sub"),
            created_s=self.now_s,
            customer=p["customer"],
            status="active",
            currency="usd",
            collection_method=p["collection_method"],
            days_until_due=p.get("days_until_due"),
            start_date_s=p["backdate_start_date"],
            billing_cycle_anchor_s=_anchor(p),
            items=items,
            metadata=p["metadata"],
        )
        self._add(operation.ref, fact)

    def _create_invoice(self, operation: Operation, p: dict[str, Any]) -> None:
        assert p["auto_advance"] is False
        assert p["pending_invoice_items_behavior"] == "exclude"
        fact = facts.Invoice(
            id=self._new_id("in"),
            customer=p["customer"],
            subscription=p.get("subscription"),
            metadata=p["metadata"],
            status="draft",
        )
        self._add(operation.ref, fact)

    def _create_invoiceitem(self, operation: Operation, p: dict[str, Any]) -> None:
        invoice = self.facts[p["invoice"]]
        assert isinstance(invoice, facts.Invoice)
        assert invoice.status == "draft"
        assert p["discountable"] is False
        line = facts.Line(
            amount_minor=p["amount"],
            metadata=p["metadata"],
            period_start_s=p["period"]["start"],
            period_end_s=p["period"]["end"],
        )
        self.change(invoice, lines=(*invoice.lines, line), subtotal_minor=invoice.subtotal_minor + p["amount"])
        self.ids[operation.ref] = invoice.id

    def _act_cancel(self, operation: Operation, p: dict[str, Any]) -> None:
        assert operation.ref.kind == "schedule"
        schedule = self.facts[str(operation.remote_id)]
        assert isinstance(schedule, facts.Schedule)
        assert schedule.status == "not_started", "what runs is ended by its subscription too"
        self.change(schedule, status="canceled")

    def _act_finalize(self, operation: Operation, p: dict[str, Any]) -> None:
        assert p == {"auto_advance": True}
        invoice = self.facts[str(operation.remote_id)]
        assert isinstance(invoice, facts.Invoice)
        assert invoice.status == "draft"
        self.change(invoice, status="open", total_minor=invoice.subtotal_minor)


def verbs(plan: Plan) -> list[str]:
    return [f"{o.action or o.verb} {o.ref.kind}" for o in plan.operations]


def creates(stripe: StripeAnswers, kind: str) -> int:
    return sum(1 for o in stripe.writes if o.verb is Verb.CREATE and o.ref.kind == kind)


def _custom_fields(settings: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((field["name"], field["value"]) for field in settings.get("custom_fields", []))


def _anchor(p: dict[str, Any]) -> int:
    """Where it was put, or the next day of that kind after the start, which has such a day itself."""
    if "billing_cycle_anchor" in p:
        return int(p["billing_cycle_anchor"])
    config = p["billing_cycle_anchor_config"]
    day = datetime.fromtimestamp(p["backdate_start_date"], UTC)
    assert (day.day, day.hour, day.minute) == (config["day_of_month"], config["hour"], config["minute"])
    while True:
        day += timedelta(days=1)
        if day.day == config["day_of_month"] and config.get("month") in (None, day.month):
            return int(day.timestamp())


def _phases(phases: list[dict[str, Any]], start_s: int) -> tuple[facts.Phase, ...]:
    found = []
    for phase in phases:
        assert phase["discounts"] == ""
        found.append(
            facts.Phase(
                start_s=start_s,
                end_s=phase["end_date"],
                items=tuple(_item(item) for item in phase["items"]),
                add_invoice_items=tuple(_item(item) for item in phase.get("add_invoice_items", [])),
                proration_behavior=phase["proration_behavior"],
                metadata=phase["metadata"],
            )
        )
        start_s = phase["end_date"]
    return tuple(found)


def _item(item: dict[str, Any]) -> facts.PhaseItem:
    coupons = tuple(discount["coupon"] for discount in item.get("discounts", []))
    return facts.PhaseItem(price=item["price"], quantity=item["quantity"], coupons=coupons, metadata=item["metadata"])
