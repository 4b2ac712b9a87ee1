"""The metadata by which Tandem knows its own objects in Stripe again, and what they belong to in the CRM."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sync.crm import Sent
from sync.deal.deal import Deal
from sync.deal.pricing import DealItem
from sync.ends import VALUE_LENGTH, end_of
from sync.records import Value

#: Our key of the object itself: the key of its `Ref`.
KEY = "tandem_key"
#: The deal it belongs to; one row in the CRM, whatever number of Stripe objects.
DEAL = "tandem_deal"
#: Unix seconds of the first boundary that Stripe bills by itself; what began before is an invoice that we stated.
PLAIN_FROM = "tandem_from"
#: With a quote's id after it, on the object that the quote changed: ``<unix>/<unix>``, the first boundary that Stripe
#: bills by itself with it, and when it was brought in.
SETTLED = "tandem_q_"
#: The first day without service, where a Cancellation was signed; and the first day after the signed term.
ENDS_ON = "tandem_ends_on"
TERM_END = "tandem_term_end"
#: The first day of a trial: Stripe can't be told of trial days that were over when the trial was made.
TRIAL_FROM = "tandem_trial_from"
#: The first day of service of a deal, where no object in Stripe says it: on the invoices of one that stands on these alone,
#: and on the objects of what was added to one of one-time lines only.
FIRST_DAY = "tandem_first_day"
#: On a price whose interval does not say what it is worth a month: minor units of one unit, before discounts.
MONTHLY = "tandem_monthly"
#: Stripe's payment method types, where the quote chose them: comma-separated.
METHODS = "tandem_methods"
#: On a draft invoice that we hold because it is unlike what was promised.
HELD = "tandem_held"
#: On a deal that renews another: the key of that one.
RENEWS = "tandem_renews"
#: On a self-serve plan: the deal that takes it over. On that deal's objects: the key of the plan's row
#: in the CRM, in which the deal goes on.
TAKEN_BY = "tandem_taken_by"
TAKES = "tandem_takes"
#: In the natural key of what is done about a plan that a deal takes over: the deal before it, a Stripe id behind it.
OF_PLAN = ":takes:"
#: On a deal whose rounding difference is made good in its last period.
TRUE_UP = "tandem_true_up"
#: On a line of ours that bills use: how many units.
USED = "tandem_used"
#: On a deal with automatic tax: whether tax comes on top of its prices (exclusive) or is part of them (inclusive).
TAX = "tandem_tax"
#: On a customer: the digest of the address that we wrote. Another address than that is somebody else's.
ADDRESS = "tandem_address"
#: The parts of an address, under Stripe's names.
PARTS = ("line1", "line2", "city", "state", "postal_code", "country")
QUOTE = "salesforce_quote_id"
ACCOUNT = "salesforce_account_id"
OPPORTUNITY = "salesforce_opportunity_id"
PRODUCT = "salesforce_product_id"
#: On a product that was archived because Salesforce sells it no longer: it may be made active again by the same.
ARCHIVED = "tandem_archived"
#: Quote line ids, comma-separated; ``salesforce_line_ids_2`` and so on where one value is too short.
LINES = "salesforce_line_ids"

#: What is said of a schedule that nobody ended before its time.
AS_PLANNED = "as planned"
#: What a meter adds up. One that keeps the last value reported counts no use.
EVERY_USE, LAST_ALONE = "every use", "the last value alone"
#: What a coupon of ours takes something off.
EVERYTHING = "everything"

_MOST_VALUES = 40  # of Stripe's 50 keys, the rest is for others


def deal_metadata(deal: Deal, key: str) -> dict[str, str]:
    """What every object of a deal carries: its own key, the deal's, and the CRM ids."""
    found = {KEY: key, DEAL: deal.key, QUOTE: deal.quote_id, ACCOUNT: deal.payer.account_id}
    if deal.opportunity_id:
        found[OPPORTUNITY] = deal.opportunity_id
    if deal.terms.methods:
        found[METHODS] = ",".join(deal.terms.methods)
    return {**found, **{k: v for k, v in labels(deal.sent, "subscription").items() if v is not None}}


def labels(sent: Sent, kind: str) -> dict[str, str | None]:
    """The metadata that the mappings send of a record to this kind of object: key to value, None where it is blank. What is
    longer than Stripe's limit is cut.
    """
    ends = ((end_of(place), value) for place, value in sent)
    return {
        end.key: str(value)[:VALUE_LENGTH] if value not in (None, "") else None
        for end, value in ends
        if end.kind == kind and end.key is not None
    }


def emptied(metadata: Mapping[str, Value]) -> dict[str, Value]:
    """Metadata as it is sent to an object that has some: a key without a value is taken away."""
    return {key: "" if value is None else value for key, value in metadata.items()}


def item_metadata(item: DealItem) -> dict[str, str]:
    """What an item or an invoice line carries: the product and the quote lines it stands for."""
    return {PRODUCT: item.product.id, **_line_ids(item.line_ids)}


def _line_ids(ids: Iterable[str]) -> dict[str, str]:
    values: list[str] = []
    for id_ in ids:
        if values and len(values[-1]) + 1 + len(id_) <= VALUE_LENGTH:
            values[-1] += f",{id_}"
        else:
            values.append(id_)
    names = (LINES if n == 1 else f"{LINES}_{n}" for n in range(1, _MOST_VALUES + 1))
    return dict(zip(names, values, strict=False))
