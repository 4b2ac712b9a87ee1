"""What the billing endpoints take. One table per endpoint; what is not in it is refused as unknown.

Left out on purpose, so that Stripe's "unknown parameter" answers for it: what this sandbox does not build (transfers,
application fees, thresholds, trial offers, prebilling, scheduled pauses, tax rates).
"""

from __future__ import annotations

from dataclasses import replace

from sandbox.stripe.params import (
    PAGE,
    RANGE,
    Fields,
    Kind,
    array,
    boolean,
    currency,
    decimal,
    either,
    integer,
    metadata,
    one_of,
    struct,
    text,
    timestamp,
)

MOST_ITEMS = 20
MOST_PHASES = 10

PAYMENT_METHOD_TYPES = (
    "ach_credit_transfer", "ach_debit", "acss_debit", "affirm", "alipay", "amazon_pay", "au_becs_debit",
    "bacs_debit", "bancontact", "billie", "blik", "boleto", "card", "cashapp", "crypto", "custom",
    "customer_balance", "eps", "fpx", "giropay", "grabpay", "ideal", "jp_credit_transfer", "kakao_pay", "klarna",
    "konbini", "kr_card", "link", "mb_way", "multibanco", "naver_pay", "nz_bank_account", "p24", "pay_by_bank",
    "payco", "paynow", "paypal", "payto", "pix", "promptpay", "revolut_pay", "satispay", "sepa_credit_transfer",
    "sepa_debit", "sequra", "sofort", "swish", "twint", "upi", "us_bank_account", "wechat_pay",
)  # fmt: skip

COLLECTION = one_of("charge_automatically", "send_invoice")
PRORATION = one_of("always_invoice", "create_prorations", "none")
DAYS_UNTIL_DUE = integer(min=0, max=2000)
QUANTITY = integer(min=0, max=999_999_999_999)
DISCOUNT_LIST = array(struct({"coupon": text(), "discount": text(), "promotion_code": text()}), max=20)
DISCOUNTS = DISCOUNT_LIST.clearable()
NEW_METADATA = replace(metadata(), is_clearable=False)
"""Metadata where there is none yet to unset; a single key may still be `''`."""
CUSTOM_FIELDS = array(struct({"name": text(max=40).required(), "value": text(max=140).required()}), max=4).clearable()
AUTOMATIC_TAX = struct({"enabled": boolean().required()})
BILLING_MODE = struct(
    {
        "flexible": struct({"proration_discounts": one_of("included", "itemized")}),
        "type": one_of("classic", "flexible").required(),
    }
)
TAX_BEHAVIOR = one_of("exclusive", "inclusive", "unspecified")
UNIT_DECIMAL = decimal(places=12)

ONE_TIME_PRICE_DATA = struct(
    {
        "currency": currency().required(),
        "product": text().required(),
        "tax_behavior": TAX_BEHAVIOR,
        "unit_amount": integer(),
        "unit_amount_decimal": UNIT_DECIMAL,
    }
)
RECURRING_PRICE_DATA = struct(
    {
        "currency": currency().required(),
        "product": text().required(),
        "recurring": struct(
            {"interval": one_of("day", "week", "month", "year").required(), "interval_count": integer(min=1)}
        ).required(),
        "tax_behavior": TAX_BEHAVIOR,
        "unit_amount": integer(min=0),
        "unit_amount_decimal": decimal(places=12, min="0"),
    }
)
PAYMENT_SETTINGS = struct(
    {
        "payment_method_types": array(one_of(*PAYMENT_METHOD_TYPES)).clearable(),
        "save_default_payment_method": one_of("off", "on_subscription"),
    }
)
INVOICE_TEXTS: Fields = {
    "custom_fields": CUSTOM_FIELDS,
    "description": text(max=1500).clearable(),
    "footer": text(max=5000).clearable(),
    "issuer": struct({"type": one_of("self").required()}),
}


def _period(starts: tuple[str, ...], ends: tuple[str, ...]) -> Kind:
    return struct(
        {
            "start": struct({"type": one_of(*starts).required(), "timestamp": timestamp()}).required(),
            "end": struct({"type": one_of(*ends).required(), "timestamp": timestamp()}).required(),
        }
    )


def _add_invoice_items(period: Kind) -> Kind:
    fields: Fields = {
        "discountable": boolean(),
        "discounts": DISCOUNT_LIST,
        "metadata": NEW_METADATA,
        "period": period,
        "price": text(),
        "price_data": ONE_TIME_PRICE_DATA,
        "quantity": QUANTITY,
    }
    return array(struct(fields), max=20)


ITEM: Fields = {
    "discounts": DISCOUNTS,
    "metadata": NEW_METADATA,
    "price": text(),
    "price_data": RECURRING_PRICE_DATA,
    "quantity": QUANTITY,
}
ITEM_CHANGE: Fields = {**ITEM, "metadata": metadata(), "id": text(), "deleted": boolean(), "clear_usage": boolean()}

_SUBSCRIPTION: Fields = {
    "add_invoice_items": _add_invoice_items(
        _period(("max_item_period_start", "now", "timestamp"), ("min_item_period_end", "timestamp"))
    ),
    "automatic_tax": AUTOMATIC_TAX,
    "cancel_at": either(timestamp(), one_of("max_period_end", "min_period_end")).clearable(),
    "cancel_at_period_end": boolean(),
    "collection_method": COLLECTION,
    "days_until_due": DAYS_UNTIL_DUE,
    "default_payment_method": text(),
    "description": text(max=500).clearable(),
    "discounts": DISCOUNTS,
    "invoice_settings": struct(INVOICE_TEXTS),
    "metadata": metadata(),
    "off_session": boolean(),
    "payment_behavior": one_of(
        "allow_incomplete", "default_incomplete", "error_if_incomplete", "pending_if_incomplete"
    ),
    "payment_settings": PAYMENT_SETTINGS,
    "proration_behavior": PRORATION,
    "trial_end": either(timestamp(), one_of("now")),
    "trial_from_plan": boolean(),
    "trial_settings": struct(
        {
            "end_behavior": struct(
                {
                    "billing_cycle_anchor": one_of("now", "unchanged"),
                    "missing_payment_method": one_of("cancel", "create_invoice", "pause"),
                }
            ).required()
        }
    ),
}
SUBSCRIPTION_CREATE: Fields = {
    **_SUBSCRIPTION,
    "backdate_start_date": timestamp(),
    "billing_cycle_anchor": timestamp(),
    "billing_cycle_anchor_config": struct(
        {
            "day_of_month": integer(1, 31).required(),
            "hour": integer(0, 23),
            "minute": integer(0, 59),
            "month": integer(1, 12),
            "second": integer(0, 59),
        }
    ),
    "billing_mode": BILLING_MODE,
    "currency": currency(),
    "customer": text().required(),
    "items": array(struct(ITEM), max=MOST_ITEMS).required(),
    "trial_period_days": integer(1, 730),
}
SUBSCRIPTION_UPDATE: Fields = {
    **_SUBSCRIPTION,
    "billing_cycle_anchor": struct({"type": one_of("now", "unchanged").required()}),
    "cancellation_details": struct(
        {
            "comment": text().clearable(),
            "feedback": one_of(
                *[
                    "customer_service",
                    "low_quality",
                    "missing_features",
                    "other",
                    "switched_service",
                    "too_complex",
                    "too_expensive",
                    "unused",
                ]
            ).clearable(),
        }
    ),
    "items": array(struct(ITEM_CHANGE), max=2 * MOST_ITEMS),
    "pause_collection": struct(
        {
            "behavior": one_of("keep_as_draft", "mark_uncollectible", "void").required(),
            "resumes_at": timestamp(),
        }
    ).clearable(),
    "proration_date": timestamp(),
}
SUBSCRIPTION_CANCEL: Fields = {
    "cancellation_details": SUBSCRIPTION_UPDATE["cancellation_details"],
    "invoice_now": boolean(),
    "prorate": boolean(),
}
SUBSCRIPTION_PAUSE: Fields = {
    "bill_for": struct(
        {
            "outstanding_usage_through": struct({"type": one_of("none", "now").required()}),
            "unused_time_from": struct({"type": one_of("item_current_period_start", "none", "now").required()}),
        }
    ),
    "invoicing_behavior": one_of("invoice", "pending_invoice_item"),
    "type": one_of("subscription"),
}
SUBSCRIPTION_RESUME: Fields = {
    "billing_cycle_anchor": struct({"type": one_of("now", "unchanged").required()}),
    "payment_behavior": one_of("resume_on_payment_attempt", "resume_on_payment_success"),
    "proration_behavior": PRORATION,
    "proration_date": timestamp(),
}
SUBSCRIPTION_LIST: Fields = {
    **PAGE,
    "collection_method": COLLECTION,
    "created": RANGE,
    "current_period_end": RANGE,
    "current_period_start": RANGE,
    "customer": text(),
    "price": text(),
    "status": one_of(
        *[
            "active",
            "all",
            "canceled",
            "ended",
            "incomplete",
            "incomplete_expired",
            "past_due",
            "paused",
            "trialing",
            "unpaid",
        ]
    ),
    "test_clock": text(),
}
ITEM_LIST: Fields = {**PAGE, "subscription": text().required()}
_ITEM_REQUEST: Fields = {
    "payment_behavior": SUBSCRIPTION_UPDATE["payment_behavior"],
    "proration_behavior": PRORATION,
    "proration_date": timestamp(),
}
ITEM_CREATE: Fields = {**ITEM, **_ITEM_REQUEST, "subscription": text().required()}
ITEM_UPDATE: Fields = {**ITEM, **_ITEM_REQUEST, "metadata": metadata(), "off_session": boolean()}
ITEM_DELETE: Fields = {**_ITEM_REQUEST, "clear_usage": boolean()}

_SCHEDULE_INVOICE_SETTINGS = struct({**INVOICE_TEXTS, "days_until_due": DAYS_UNTIL_DUE})
_DURATION = struct({"interval": one_of("day", "month", "week", "year").required(), "interval_count": integer(min=1)})
_PHASE: Fields = {
    "add_invoice_items": _add_invoice_items(
        _period(
            ("max_item_period_start", "phase_start", "timestamp"), ("min_item_period_end", "phase_end", "timestamp")
        )
    ),
    "automatic_tax": AUTOMATIC_TAX,
    "billing_cycle_anchor": one_of("automatic", "phase_start"),
    "collection_method": COLLECTION,
    "currency": currency(),
    "default_payment_method": text(),
    "description": text(max=500).clearable(),
    "discounts": DISCOUNTS,
    "duration": _DURATION,
    "end_date": timestamp(),
    "invoice_settings": _SCHEDULE_INVOICE_SETTINGS,
    "items": array(struct(ITEM), max=MOST_ITEMS).required(),
    "metadata": NEW_METADATA,
    "proration_behavior": PRORATION,
    "trial": boolean(),
    "trial_end": timestamp(),
}
_NOW_OR_STAMP = either(timestamp(), one_of("now"))
PHASE_UPDATE: Fields = {**_PHASE, "start_date": _NOW_OR_STAMP, "end_date": _NOW_OR_STAMP, "trial_end": _NOW_OR_STAMP}
PHASE_PREVIEW: Fields = {
    **PHASE_UPDATE,
    "invoice_settings": struct({"days_until_due": DAYS_UNTIL_DUE, "issuer": INVOICE_TEXTS["issuer"]}),
}
"""A phase in a preview takes no custom fields, description or footer."""
DEFAULT_SETTINGS = struct(
    {
        "automatic_tax": AUTOMATIC_TAX,
        "billing_cycle_anchor": one_of("automatic", "phase_start"),
        "collection_method": COLLECTION,
        "default_payment_method": text(),
        "description": text(max=500).clearable(),
        "invoice_settings": _SCHEDULE_INVOICE_SETTINGS,
    }
)
SCHEDULE_CREATE: Fields = {
    "billing_mode": BILLING_MODE,
    "customer": text(),
    "default_settings": DEFAULT_SETTINGS,
    "end_behavior": one_of("cancel", "none", "release", "renew"),
    "from_subscription": text(),
    "metadata": metadata(),
    "phases": array(struct(_PHASE)),
    "start_date": _NOW_OR_STAMP,
}
SCHEDULE_UPDATE: Fields = {
    "default_settings": DEFAULT_SETTINGS,
    "end_behavior": SCHEDULE_CREATE["end_behavior"],
    "metadata": metadata(),
    "phases": array(struct(PHASE_UPDATE)),
    "proration_behavior": PRORATION,
}
SCHEDULE_LIST: Fields = {
    **PAGE,
    "canceled_at": RANGE,
    "completed_at": RANGE,
    "created": RANGE,
    "customer": text(),
    "released_at": RANGE,
    "scheduled": boolean(),
}
SCHEDULE_RELEASE: Fields = {"preserve_cancel_date": boolean()}
SCHEDULE_CANCEL: Fields = {"invoice_now": boolean(), "prorate": boolean()}
