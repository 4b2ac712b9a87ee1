"""What the mappings send to Stripe, held against what stands there: ours is put right, what somebody archived asks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sync.crm import CrmAccount, CrmProduct
from sync.desired.compared_rows import same, say
from sync.desired.customer import LIVE, sent_to_customer
from sync.desired.differences import OUTSIDE, Cure, Difference, Kind
from sync.desired.keys import ARCHIVED, DEAL
from sync.desired.product import desire_product
from sync.diff import diff
from sync.facts import Customer, Price, Product, Subscription
from sync.observed import Actual, observe
from sync.plan import to_plain
from sync.records import Desired


def product_unlike(product: CrmProduct, found: Product) -> list[Difference]:
    """A Stripe product against its Product2: fields that are ours to put right, and an archived one that is sold on."""
    subject = f"product:{product.id}"
    unlike = unlike_parts(subject, "", desire_product(product, found), observe(found))
    if product.is_active and not found.active and not found.metadata.get(ARCHIVED):
        unlike.append(
            Difference(
                Kind.ARCHIVED, subject, "", found.id, "active", "true (Product2.IsActive)", "archived in Stripe",
                cure=Cure.PERSON,
            )
        )  # fmt: skip
    return unlike


def product_row_unlike(product_id: str, wanted: Mapping[str, object], stands: Mapping[str, object]) -> list[Difference]:
    """What Tandem shows on a Product2 against what stands there, by field."""
    return [
        Difference(
            Kind.OVERWRITTEN, f"product:{product_id}", "", f"Product2 {product_id}", name, say(value), say(stands[name])
        )
        for name, value in wanted.items()
        if name in stands and not same(value, stands[name])
    ]


def customer_unlike(account: CrmAccount, found: Customer) -> list[Difference]:
    """A customer against what its Account sends."""
    return unlike_parts(f"payer:{account.id}", account.id, sent_to_customer(account), observe(found))


def archived_prices(account_id: str, running: Iterable[Subscription], prices: Mapping[str, Price]) -> list[Difference]:
    """Prices that a deal runs on and somebody archived: it bills on, and the next change of it may need them."""
    found = []
    for subscription in (s for s in running if DEAL in s.metadata and s.status in LIVE and not s.deleted):
        for item in subscription.items:
            price = prices.get(item.price.id, item.price)
            if not price.active and price.lookup_key:
                found.append(
                    Difference(
                        Kind.ARCHIVED, f"quote:{subscription.metadata[DEAL]}", account_id, price.id, "active", "active",
                        "archived in Stripe", cure=Cure.PERSON,
                    )
                )  # fmt: skip
    return list(dict.fromkeys(found))


def unlike_parts(subject: str, account_id: str, wanted: Desired, found: Actual) -> list[Difference]:
    """One difference for each part, of metadata for each key, that a run would put right."""
    changed = [part for o in diff([wanted], {wanted.ref: found}).operations for part in o.changed]
    pairs: list[tuple[str, object, object]] = []
    for part in changed:
        want, have = wanted.compare[part], found.compare[part]
        if part == "metadata" and isinstance(want, Mapping) and isinstance(have, Mapping):
            pairs += [(f"metadata.{k}", v, have.get(k)) for k, v in want.items() if have.get(k) != v]
        else:
            pairs.append((part, want, have))
    return [
        Difference(Kind.FIELD, subject, account_id, found.remote_id, name, _words(want), _words(have), OUTSIDE)
        for name, want, have in pairs
    ]


def _words(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else say(to_plain(value))  # type: ignore[arg-type]
