"""What the endpoints of Checkout sessions take (https://docs.stripe.com/api/checkout/sessions)."""

from __future__ import annotations

from sandbox.stripe.billing.parameters import (
    AUTOMATIC_TAX,
    BILLING_MODE,
    INVOICE_TEXTS,
    NEW_METADATA,
    QUANTITY,
)
from sandbox.stripe.params import (
    PAGE,
    RANGE,
    Fields,
    array,
    boolean,
    currency,
    integer,
    metadata,
    one_of,
    struct,
    text,
    timestamp,
)

_ASKED = struct({"enabled": boolean().required(), "optional": boolean()})
_LENGTHS: Fields = {"default_value": text(), "maximum_length": integer(1, 255), "minimum_length": integer(0, 255)}
_OPTION = struct({"label": text(max=100).required(), "value": text(max=100).required()})
_CUSTOM_FIELD = struct(
    {
        "dropdown": struct({"default_value": text(), "options": array(_OPTION, max=200).required()}),
        "key": text(max=200).required(),
        "label": struct({"custom": text(max=50).required(), "type": one_of("custom").required()}).required(),
        "numeric": struct(_LENGTHS),
        "optional": boolean(),
        "text": struct(_LENGTHS),
        "type": one_of("dropdown", "numeric", "text").required(),
    }
)
_LINE_ITEM = struct(
    {
        "adjustable_quantity": struct(
            {"enabled": boolean().required(), "maximum": integer(1, 999_999), "minimum": integer(0)}
        ),
        "metadata": NEW_METADATA,
        "price": text().required(),
        "quantity": QUANTITY,
    }
)
_SUBSCRIPTION_DATA = struct(
    {
        "billing_cycle_anchor": timestamp(),
        "billing_mode": BILLING_MODE,
        "description": text(max=500),
        "invoice_settings": struct({"issuer": INVOICE_TEXTS["issuer"]}),
        "metadata": NEW_METADATA,
        "proration_behavior": one_of("create_prorations", "none"),
        "trial_end": timestamp(),
        "trial_period_days": integer(1, 730),
        "trial_settings": struct(
            {
                "end_behavior": struct(
                    {"missing_payment_method": one_of("cancel", "create_invoice", "pause").required()}
                ).required()
            }
        ),
    }
)
SESSION_CREATE: Fields = {
    "allow_promotion_codes": boolean(),
    "automatic_tax": AUTOMATIC_TAX,
    "billing_address_collection": one_of("auto", "required"),
    "cancel_url": text(),
    "client_reference_id": text(max=200),
    "currency": currency(),
    "custom_fields": array(_CUSTOM_FIELD, max=3),
    "customer": text(),
    "customer_creation": one_of("always", "if_required"),
    "customer_email": text(max=800),
    "customer_update": struct(
        {key: one_of("auto", "never") for key in ("address", "name", "shipping")},
    ),
    "discounts": array(struct({"coupon": text(), "promotion_code": text()}), max=1),
    "expires_at": timestamp(),
    "line_items": array(_LINE_ITEM, max=100),
    "locale": one_of("auto", "da", "de", "en", "en-GB", "es", "fi", "fr", "it", "ja", "nb", "nl", "pl", "pt", "sv"),
    "metadata": NEW_METADATA,
    "mode": one_of("payment", "setup", "subscription").required(),
    "name_collection": struct({"business": _ASKED, "individual": _ASKED}),
    "payment_method_collection": one_of("always", "if_required"),
    "phone_number_collection": struct({"enabled": boolean().required()}),
    "submit_type": one_of("auto", "subscribe"),
    "subscription_data": _SUBSCRIPTION_DATA,
    "success_url": text(),
    "tax_id_collection": struct({"enabled": boolean().required(), "required": one_of("if_supported", "never")}),
    "ui_mode": one_of("hosted_page"),
}
SESSION_UPDATE: Fields = {"metadata": metadata()}
SESSION_LIST: Fields = {
    **PAGE,
    "created": RANGE,
    "customer": text(),
    "customer_details": struct({"email": text().required()}),
    "payment_intent": text(),
    "status": one_of("complete", "expired", "open"),
    "subscription": text(),
}
LINE_ITEMS: Fields = PAGE
