"""Whether Stripe has what a quote sells, in a form in which it may be sold: asked before anything is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sync import catalogue
from sync.crm import CrmProduct, QuoteGraph
from sync.desired.keys import ARCHIVED, PRODUCT
from sync.errors import Refusal
from sync.facts import Fact, Product

FIELD = "Stripe_Product_Id__c"


def check_products(graph: QuoteGraph, read: Iterable[Fact], holders: Mapping[str, str]) -> tuple[Refusal, ...]:
    """What forbids a quote that nothing bills yet: a product that was archived in Stripe, or one to be adopted that is not
    there or is another product's. ``holders`` are the Product2 ids that our links give Stripe products.
    """
    there = {fact.id: fact for fact in read if isinstance(fact, Product) and not fact.deleted}
    sold = {line.product_id for line in graph.lines if not line.optional and line.change != "Remove"}
    found = []
    first: dict[str, str] = {}  # what two products of the quote name is the first one's, if nobody holds it yet
    for product in (p for id_, p in sorted(graph.products.items()) if id_ in sold):
        id_ = product.adopted
        stripe = there.get(id_ or f"tandem_{product.id}")
        if id_ is not None and (what := _not_ours(product, id_, stripe, {**first, **holders})):
            found.append(_refusal(graph, product, what, FIELD, id_))
        elif stripe is not None and not stripe.active:
            found.append(_refusal(graph, product, _archived(stripe), "", stripe.id))
        if id_ is not None:
            first.setdefault(id_, product.id)
    return tuple(found)


def _not_ours(product: CrmProduct, id_: str, stripe: Product | None, holders: Mapping[str, str]) -> str:
    """Why a Stripe product can't be taken for this Product2; blank where it can."""
    held = holders.get(id_)
    if held == product.id:
        return (
            ""
            if stripe
            else f"product {id_}, which it is linked to, is not in this Stripe account any more. Sell another."
        )
    if stripe is None:
        return f"{FIELD} is {id_}, which is no product of this Stripe account. Correct it, or clear it and Tandem makes one."
    owner = held or stripe.metadata.get(PRODUCT)
    if owner not in (None, "", product.id):
        return f"{FIELD} is {id_}, which belongs to product {owner}. Correct it, or clear it and Tandem makes one."
    return ""


def _archived(stripe: Product) -> str:
    if stripe.metadata.get(ARCHIVED):
        return (
            f"product {stripe.id} is still archived in Stripe, and is made active with Product2.IsActive in a moment."
        )
    return f"product {stripe.id} was archived in Stripe. Activate it there, or quote another."


def _refusal(graph: QuoteGraph, product: CrmProduct, what: str, field: str, stripe_id: str) -> Refusal:
    quote = graph.quote
    return catalogue.refusal(
        "CONF-301", f'Quote {quote.number}, "{product.name}": {what}', record_id=product.id, field=field,
        blocked_on=(quote.id, product.id, stripe_id), product=product.name,
    )  # fmt: skip
