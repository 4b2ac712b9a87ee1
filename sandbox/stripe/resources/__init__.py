"""Everything of the sandbox's Stripe that is not billing. Importing registers the endpoints."""

from sandbox.stripe.kernel import Kernel
from sandbox.stripe.resources import (  # noqa: F401  (imported for their routes)
    account,
    coupons,
    customers,
    events,
    payment_methods,
    prices,
    products,
    webhook_endpoints,
)


def install(kernel: Kernel) -> None:
    """Make a fresh kernel ready for these resources."""
    kernel.store.index_by("price", "product")
    kernel.add(account.new_account(kernel))
