"""Subscriptions and their schedules: Stripe's JSON -> facts."""

from __future__ import annotations

from collections.abc import Mapping

from sync.facts import Item, Phase, PhaseItem, Schedule, Subscription
from sync.facts.currencies import in_currency, is_sold_in
from sync.gateways.stripe_catalogue_facts import price
from sync.gateways.stripe_json import (
    Json,
    base,
    coupon_ends_of,
    coupons_of,
    int_of,
    metadata,
    method_types,
    need,
    part,
    ref_id,
    rows,
)
from sync.gateways.stripe_money_facts import method_words
from sync.gateways.stripe_shapes import values_of


def _item(obj: Json, currency: str) -> Item:
    sold = price(need(obj, "price", Mapping))
    return Item(
        id=need(obj, "id", str),
        price=in_currency(sold, currency) if is_sold_in(sold, currency) else sold,
        quantity=int_of(obj.get("quantity")),
        coupons=coupons_of(obj.get("discounts")),
        coupon_ends_s=coupon_ends_of(obj.get("discounts")),
        period_start_s=need(obj, "current_period_start", int),
        period_end_s=need(obj, "current_period_end", int),
        created_s=int_of(obj.get("created")) or 0,
        metadata=metadata(obj.get("metadata")),
    )


def subscription(obj: Json) -> Subscription:
    """A subscription with all its items, whose prices have their amounts in its currency where they were read
    (`stripe_currencies`).
    """
    currency = need(obj, "currency", str)
    return Subscription(
        **base(obj),
        customer=ref_id(obj.get("customer")) or need(obj, "customer", str),
        status=need(obj, "status", str),
        currency=currency,
        schedule=ref_id(obj.get("schedule")),
        collection_method=need(obj, "collection_method", str),
        days_until_due=int_of(obj.get("days_until_due")),
        start_date_s=need(obj, "start_date", int),
        billing_cycle_anchor_s=need(obj, "billing_cycle_anchor", int),
        trial_end_s=int_of(obj.get("trial_end")),
        cancel_at_s=int_of(obj.get("cancel_at")),
        cancel_at_period_end=bool(obj.get("cancel_at_period_end")),
        canceled_at_s=int_of(obj.get("canceled_at")),
        ended_at_s=int_of(obj.get("ended_at")),
        paused=obj.get("pause_collection") is not None,
        resumes_s=int_of(part(obj, "pause_collection").get("resumes_at")),
        payment_method=ref_id(obj.get("default_payment_method")) or ref_id(obj.get("default_source")),
        method_words=method_words(part(obj, "default_payment_method")),
        payment_method_types=method_types(obj),
        items=tuple(_item(i, currency) for i in rows(need(obj, "items", Mapping))),
        coupons=coupons_of(obj.get("discounts")),
        coupon_ends_s=coupon_ends_of(obj.get("discounts")),
        values=values_of("subscription", obj),
    )


def _phase_item(obj: Json) -> PhaseItem:
    return PhaseItem(
        price=ref_id(obj.get("price")) or need(obj, "price", str, of="a phase's item"),
        quantity=int_of(obj.get("quantity")),
        coupons=coupons_of(obj.get("discounts")),
        metadata=metadata(obj.get("metadata")),
    )


def _phase(obj: Json) -> Phase:
    return Phase(
        start_s=need(obj, "start_date", int, of="a phase"),
        end_s=need(obj, "end_date", int, of="a phase"),
        items=tuple(_phase_item(i) for i in rows(obj.get("items"))),
        add_invoice_items=tuple(_phase_item(i) for i in rows(obj.get("add_invoice_items"))),
        coupons=coupons_of(obj.get("discounts")),
        proration_behavior=str(obj.get("proration_behavior") or ""),
        billing_cycle_anchor=obj.get("billing_cycle_anchor"),
        trial_end_s=int_of(obj.get("trial_end")),
        metadata=metadata(obj.get("metadata")),
    )


def schedule(obj: Json) -> Schedule:
    """A subscription schedule."""
    settings = part(obj, "default_settings")
    invoices = part(settings, "invoice_settings")
    phases = rows(need(obj, "phases", list))
    return Schedule(
        **base(obj),
        customer=ref_id(obj.get("customer")) or need(obj, "customer", str),
        status=need(obj, "status", str),
        subscription=ref_id(obj.get("subscription")),
        released_subscription=obj.get("released_subscription"),
        end_behavior=need(obj, "end_behavior", str),
        collection_method=str(settings.get("collection_method") or ""),
        days_until_due=int_of(invoices.get("days_until_due")),
        custom_fields=tuple((str(f.get("name")), str(f.get("value"))) for f in rows(invoices.get("custom_fields"))),
        currency=str(phases[0].get("currency") or "") if phases else "",
        phases=tuple(_phase(p) for p in phases),
        canceled_at_s=int_of(obj.get("canceled_at")),
        completed_at_s=int_of(obj.get("completed_at")),
    )
