"""What bills is made once: where a link says that it is there, nothing is made in its place, whatever a list shows."""

from __future__ import annotations

from sync import catalogue
from sync.errors import Unsafe
from sync.plan import Plan
from sync.ports import Links
from sync.records import Verb


def check_made_once(plan: Plan, links: Links, number: str) -> None:
    """Raises Unsafe (BUG-503) for a subscription, or a schedule made ahead, that would be made a second time. A schedule that is
    begun from its subscription may follow one that let it go.
    """
    made = [o for o in plan.operations if o.verb is Verb.CREATE and o.ref.kind in ("subscription", "schedule")]
    refs = [str(o.ref) for o in made if "from_subscription" not in o.payload]
    held = links.by_key(refs) if refs else {}
    for link in held.values():
        what = (
            f"quote {number} is billed by {link.stripe_kind} {link.stripe_id}, which Stripe does not show as Tandem's any more. "
            "Nothing was made in its place. Look at it in Stripe: its metadata was removed, or it is another customer's"
        )
        raise Unsafe("BUG-503", catalogue.message("BUG-503", "", what=what))
