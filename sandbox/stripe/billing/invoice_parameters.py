"""What the endpoints of invoices, invoice items, payments and credits take."""

from __future__ import annotations

from sandbox.stripe.billing.parameters import (
    AUTOMATIC_TAX,
    BILLING_MODE,
    COLLECTION,
    CUSTOM_FIELDS,
    DAYS_UNTIL_DUE,
    DISCOUNTS,
    ITEM_CHANGE,
    MOST_ITEMS,
    NEW_METADATA,
    ONE_TIME_PRICE_DATA,
    PAYMENT_METHOD_TYPES,
    PHASE_PREVIEW,
    PRORATION,
    QUANTITY,
    TAX_BEHAVIOR,
)
from sandbox.stripe.params import (
    PAGE,
    RANGE,
    Fields,
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

LARGEST_AMOUNT = 999_999_999_999

_INVOICE: Fields = {
    "auto_advance": boolean(),
    "automatic_tax": AUTOMATIC_TAX,
    "automatically_finalizes_at": timestamp(),
    "collection_method": COLLECTION,
    "custom_fields": CUSTOM_FIELDS,
    "days_until_due": DAYS_UNTIL_DUE,
    "default_payment_method": text(),
    "description": text(max=1500),
    "discounts": DISCOUNTS,
    "due_date": timestamp(),
    "effective_at": timestamp(),
    "footer": text(max=5000),
    "metadata": metadata(),
    "payment_settings": struct({"payment_method_types": array(one_of(*PAYMENT_METHOD_TYPES)).clearable()}),
    "statement_descriptor": text(max=22),
}
INVOICE_CREATE: Fields = {
    **_INVOICE,
    "currency": currency(),
    "customer": text().required(),
    "pending_invoice_items_behavior": one_of("exclude", "include"),
    "subscription": text(),
}
INVOICE_UPDATE: Fields = {**_INVOICE, "effective_at": timestamp().clearable()}
INVOICE_LIST: Fields = {
    **PAGE,
    "collection_method": COLLECTION,
    "created": RANGE,
    "customer": text(),
    "due_date": RANGE,
    "status": one_of("draft", "open", "paid", "uncollectible", "void"),
    "subscription": text(),
}
INVOICE_FINALIZE: Fields = {"auto_advance": boolean()}
INVOICE_PAY: Fields = {
    "forgive": boolean(),
    "off_session": boolean(),
    "paid_out_of_band": boolean(),
    "payment_method": text(),
}

_ITEM: Fields = {
    "amount": integer(min=-LARGEST_AMOUNT, max=LARGEST_AMOUNT),
    "description": text(max=5000),
    "discountable": boolean(),
    "discounts": DISCOUNTS,
    "metadata": metadata(),
    "period": struct({"start": timestamp().required(), "end": timestamp().required()}),
    "price_data": ONE_TIME_PRICE_DATA,
    "pricing": struct({"price": text()}),
    "quantity": QUANTITY,
    "quantity_decimal": decimal(places=12, min="0"),
    "tax_behavior": TAX_BEHAVIOR,
    "tax_code": text().clearable(),
    "unit_amount_decimal": decimal(places=12),
}
INVOICE_ITEM_CREATE: Fields = {
    **_ITEM,
    "currency": currency(),
    "customer": text().required(),
    "invoice": text(),
    "subscription": text(),
}
INVOICE_ITEM_UPDATE: Fields = _ITEM
INVOICE_ITEM_LIST: Fields = {
    **PAGE,
    "created": RANGE,
    "customer": text(),
    "invoice": text(),
    "pending": boolean(),
}

INVOICE_PAYMENT_LIST: Fields = {
    **PAGE,
    "created": RANGE,
    "invoice": text(),
    "payment": struct({"type": one_of("payment_intent", "payment_record").required(), "payment_intent": text()}),
    "status": one_of("canceled", "open", "paid"),
}
PAYMENT_INTENT_LIST: Fields = {**PAGE, "created": RANGE, "customer": text()}
CHARGE_LIST: Fields = {**PAGE, "created": RANGE, "customer": text(), "payment_intent": text()}
REFUND_CREATE: Fields = {
    "amount": integer(min=1),
    "charge": text(),
    "metadata": metadata(),
    "payment_intent": text(),
    "reason": one_of("duplicate", "fraudulent", "requested_by_customer"),
}
REFUND_UPDATE: Fields = {"metadata": metadata()}
REFUND_LIST: Fields = {**PAGE, "charge": text(), "created": RANGE, "payment_intent": text()}

_CREDIT_LINE: Fields = {
    "amount": integer(min=0),
    "description": text(max=5000),
    "invoice_line_item": text(),
    "metadata": NEW_METADATA,
    "quantity": integer(min=0),
    "type": one_of("custom_line_item", "invoice_line_item").required(),
    "unit_amount": integer(min=0),
    "unit_amount_decimal": decimal(places=12),
}
CREDIT_NOTE_CREATE: Fields = {
    "amount": integer(min=0),
    "credit_amount": integer(min=0),
    "effective_at": timestamp(),
    "email_type": one_of("credit_note", "none"),
    "invoice": text().required(),
    "lines": array(struct(_CREDIT_LINE)),
    "memo": text(max=5000),
    "metadata": NEW_METADATA,
    "out_of_band_amount": integer(min=0),
    "reason": one_of("duplicate", "fraudulent", "order_change", "product_unsatisfactory"),
    "refund_amount": integer(min=0),
    "refunds": array(struct({"amount_refunded": integer(min=0), "refund": text(), "type": one_of("refund")})),
}
CREDIT_NOTE_UPDATE: Fields = {"memo": text(max=5000), "metadata": NEW_METADATA}
CREDIT_NOTE_LIST: Fields = {**PAGE, "created": RANGE, "customer": text(), "invoice": text()}
BALANCE_CREATE: Fields = {
    "amount": integer(min=-LARGEST_AMOUNT, max=LARGEST_AMOUNT).required(),
    "currency": currency().required(),
    "description": text(max=350),
    "metadata": metadata(),
}
BALANCE_LIST: Fields = {**PAGE, "created": RANGE, "invoice": text()}

_NOW_OR_STAMP = either(timestamp(), one_of("now"))
PREVIEW: Fields = {
    "automatic_tax": AUTOMATIC_TAX,
    "currency": currency(),
    "customer": text(),
    "discounts": DISCOUNTS,
    "invoice_items": array(
        struct(
            {
                **{key: kind for key, kind in _ITEM.items() if key != "pricing"},
                "currency": currency(),
                "price": text(),
                "unit_amount": integer(),
            }
        ),
        max=250,
    ),
    "preview_mode": one_of("next", "recurring"),
    "schedule": text(),
    "schedule_details": struct(
        {
            "billing_mode": BILLING_MODE,
            "end_behavior": one_of("cancel", "release"),
            "phases": array(struct(PHASE_PREVIEW)),
            "proration_behavior": PRORATION,
        }
    ),
    "subscription": text(),
    "subscription_details": struct(
        {
            "billing_cycle_anchor": struct(
                {"type": one_of("now", "timestamp", "unchanged").required(), "timestamp": timestamp()}
            ),
            "billing_mode": BILLING_MODE,
            "cancel_at": either(timestamp(), one_of("max_period_end", "min_period_end")).clearable(),
            "cancel_at_period_end": boolean(),
            "cancel_now": boolean(),
            "items": array(struct(ITEM_CHANGE), max=2 * MOST_ITEMS),
            "metadata": metadata(),
            "proration_behavior": PRORATION,
            "proration_date": timestamp(),
            "start_date": timestamp(),
            "trial_end": _NOW_OR_STAMP,
        }
    ),
}
