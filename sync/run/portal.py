"""Where a customer without a payment method adds one: read only by the run of a deal that needs one (DATA-217)."""

from __future__ import annotations

import structlog

from sync.deal.deal import Deal
from sync.desired.no_card import is_unpayable
from sync.errors import Terminal
from sync.facts import Customer, Portal
from sync.ports import Facts, StripeGateway
from sync.records import Ref

log = structlog.get_logger()


def read_portal(
    stripe: StripeGateway, facts: Facts, deal: Deal, customer: Customer | None, *, fresh: bool
) -> Portal | None:
    """The portal's settings; None, and no call, where the deal is sent or something can be charged. Those that were read once
    hold, unless they are asked for ``fresh``, as by a rep's check. None also where the key may not read them: a link that is
    missing holds up no deal.
    """
    if not is_unpayable(deal, customer):
        return None
    known = facts.get(Portal.KIND, [Portal.KIND]).get(Portal.KIND)
    if isinstance(known, Portal) and not fresh:
        return known
    try:
        found = stripe.read([Ref("portal", "")]).all()
    except Terminal as error:
        if error.code != "CONF-305":
            raise
        log.warning("portal_not_read", code=error.code, reason=error.message)
        return None
    return next((fact for fact in found if isinstance(fact, Portal)), Portal())
