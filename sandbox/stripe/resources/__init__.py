"""Everything of the sandbox's Stripe that is not billing. Importing registers the endpoints."""

from sandbox.stripe.kernel import Kernel
from sandbox.stripe.resources import (  # noqa: F401  (imported for their routes)
    account,
    coupons,
    customers,
    event_destinations,
    events,
    payment_methods,
    portal,
    prices,
    products,
    promotion_codes,
    thin_events,
    webhook_endpoints,
)
from sandbox.stripe.tax import ids, registrations, settings  # noqa: F401  (for their routes)


def install(kernel: Kernel) -> None:
    """Make a fresh kernel ready for these resources."""
    kernel.store.index_by("price", "product")
    ids.install(kernel)
    kernel.add(account.new_account(kernel))
    kernel.add(portal.new_configuration(kernel))
