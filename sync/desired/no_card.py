"""A deal that charges by itself, of a customer with nothing to charge (DATA-217). It is billed as signed all the same: its
invoices stay open until there is a payment method. People are told before it is signed, and while it is so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from sync import catalogue
from sync.deal.deal import Deal
from sync.deal.money import to_major
from sync.desired.account_view import AccountView
from sync.desired.contracts import Contract
from sync.desired.keys import DEAL
from sync.facts import Customer, Invoice, Portal
from sync.shown import BillingIssue

CODE = "DATA-217"
AUTOMATIC = "charge_automatically"
NO_PAGE = (
    "Stripe has no page yet on which your customers add one: switch on the login link of the customer portal there, or "
    "enter the payment method in Stripe."
)


@dataclass(frozen=True)
class NoCard:
    """The issues that stand, and the keys of those that are over if they were ever opened."""

    standing: tuple[BillingIssue, ...]
    over: tuple[str, ...]


def lacks_method(customer: Customer | None) -> bool:
    """Whether nothing is stored that Stripe charges by itself; of a customer that is still to be made nothing is."""
    return customer is None or not customer.has_method


def is_unpayable(deal: Deal, customer: Customer | None) -> bool:
    """Whether the deal asks for a charge for which the customer has nothing stored."""
    return deal.terms.collection_method == AUTOMATIC and lacks_method(customer)


def page_of(portal: Portal | None, email: str | None) -> str | None:
    """Where the customer adds a payment method at any time: the log-in of Stripe's portal, the address filled in."""
    if portal is None or not portal.login_url:
        return None
    return f"{portal.login_url}?prefilled_email={quote(email, safe='')}" if email else portal.login_url


def noted(deal: Deal, customer: Customer | None, portal: Portal | None) -> list[str]:
    """What the preview says of it."""
    if not is_unpayable(deal, customer):
        return []
    page = page_of(portal, deal.payer.email)
    where = f"The customer adds one here: {page}" if page else NO_PAGE
    said = catalogue.entry(CODE)
    return [
        f"{CODE}: {said.headline} {said.fix} It is billed as signed, and its invoices stay open until then. {where}"
    ]


def no_card(view: AccountView, deals: Sequence[Contract]) -> NoCard:
    """One issue for each deal with something to collect and nothing to charge."""
    ours = [deal for deal in deals if deal.sales_led and deal.quote_id]
    standing = tuple(_issue(deal, view) for deal in ours if _stands(deal, view))
    keys = {issue.billing_key for issue in standing}
    over = (_key(deal) for deal in ours if _key(deal) not in keys)
    return NoCard(standing, tuple(over))


def _key(deal: Contract) -> str:
    return f"{CODE}:{deal.deal or deal.key}"


def _stands(deal: Contract, view: AccountView) -> bool:
    owed = _owed(deal, view)
    if deal.collection_method != AUTOMATIC or not (owed or _comes(deal)):
        return False
    customer = next((c for c in view.customers if c.id == deal.customer), None)
    if customer is None or not lacks_method(customer):
        return False
    own = [s for s in view.subscriptions if s.id in deal.subscription_ids]
    return not own or any(s.payment_method is None for s in own)


def _comes(deal: Contract) -> bool:
    """Whether something will be collected yet."""
    worth = deal.next_amount_minor or deal.contracted_monthly > 0
    by_use = any(item.price.usage_type == "metered" for item in deal.items)
    return deal.live and (deal.next_charge_s is not None or deal.status == "Scheduled") and bool(worth or by_use)


def _owed(deal: Contract, view: AccountView) -> list[Invoice]:
    """Its invoices that Stripe would collect by itself and that are not paid, oldest first."""
    mine = (i for i in view.invoices if not i.deleted and i.collection_method == AUTOMATIC and _is_of(i, deal))
    owed = (i for i in mine if i.status in ("draft", "open") and i.amount_remaining_minor > 0)
    return sorted(owed, key=lambda i: (i.created_s, i.id))


def _is_of(invoice: Invoice, deal: Contract) -> bool:
    names = (invoice.metadata.get(DEAL), invoice.subscription_metadata.get(DEAL))
    return invoice.subscription in deal.subscription_ids or (deal.deal is not None and deal.deal in names)


def _issue(deal: Contract, view: AccountView) -> BillingIssue:
    owed = _owed(deal, view)
    customer = next(c for c in view.customers if c.id == deal.customer)
    page = _hosted(owed) or page_of(view.portal, customer.email)
    detail = f"The customer pays and adds one here: {page}" if page else NO_PAGE
    return BillingIssue(
        billing_key=_key(deal),
        code=CODE,
        title=catalogue.entry(CODE).headline,
        detail=f"{catalogue.entry(CODE).fix} {detail} This closes by itself.",
        record=deal.quote_id or "",
        quote=deal.quote_id,
        account=view.account_id,
        sum=to_major(sum(i.amount_remaining_minor for i in owed), deal.currency) if owed else None,
        status="Open",
        audience="Rep",
        reference=owed[0].id if owed else deal.customer,
        opened_at=view.now,
        currency=deal.currency.upper(),
        subscription=deal.key,
    )


def _hosted(owed: Iterable[Invoice]) -> str | None:
    return next((i.hosted_url for i in owed if i.status == "open" and i.hosted_url), None)
