"""Product runs: what the CRM says of a product stands on the Stripe product that it became, and, where the mappings give a
field to Stripe, the other way round. Products that were never sold are left alone: a deal makes them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass

import structlog

from sync.apply import Writer
from sync.clock import Clock
from sync.deal.lines import NATURAL
from sync.desired.keys import KEY, PRODUCT
from sync.desired.product import desire_product
from sync.diff import diff
from sync.facts import Product
from sync.observed import observe
from sync.plan import Plan
from sync.ports import Claim, Done, Due, Facts, Ledger, Links, NewLink, Outbox, Outcome, StripeGateway, Subjects
from sync.ports.catalogue import SalesforceProducts
from sync.records import Ref
from sync.run.catalogued import linked_products
from sync.run.intake import PRODUCT_PREFIX as PREFIX
from sync.run.lost import close_found
from sync.run.rows import Rows, nowhere
from sync.run.whole_plan import write_whole

log = structlog.get_logger()


@dataclass(frozen=True)
class ProductRun:
    """The deal lane's work on products, with everything it needs of the outside. It holds no lock but its own subject's:
    two runs of one product plan the same write.
    """

    stripe: StripeGateway
    salesforce: SalesforceProducts
    links: Links
    facts: Facts
    subjects: Subjects
    outbox: Outbox
    ledger: Ledger
    writer: Writer
    rows: Rows
    clock: Clock
    #: Those of these products whose rows another Stripe account shows.
    shown_elsewhere: Callable[[Iterable[str]], Set[str]] = nowhere

    def run(self, claim: Claim, due: Due) -> Outcome:
        """The Stripe product says what the CRM does, and the CRM what is Stripe's to say. Who waits for it looks again."""
        fence = self.facts.fence()
        link = self._link(due.id)
        if link is None and due.id.startswith(PREFIX):
            return Done()  # never sold
        found = self._read(link.stripe_id if link else due.id)
        link = link or self._named(found)
        if found is None or link is None:
            return Done()
        product = self.salesforce.products([link.salesforce_id]).get(link.salesforce_id)
        if product is not None and not product.is_deleted:
            plan = diff([desire_product(product, found)], {Ref("product", found.id): observe(found)})
            ref = Ref("product", found.id)
            close_found(self.ledger, plan, {ref: found.id})
            if plan.operations:
                self._write(claim, due, plan, link)
                found = self._read(found.id) or found
            if self.rows.of_product and product.id not in self.shown_elsewhere([product.id]):
                self.outbox.put([self.rows.product(product.id, found.id, found)], fence)
        self._tell_who_waits(found, link)
        self.facts.put([found], fence)
        return Done()

    def _link(self, id_: str) -> NewLink | None:
        if id_.startswith(PREFIX):
            return linked_products(self.links, [id_]).get(id_)
        return self.links.by_stripe_id([id_]).get(id_)

    def _read(self, stripe_id: str) -> Product | None:
        ref = Ref("product", stripe_id)
        found = self.stripe.read([ref]).one(ref)
        return found if isinstance(found, Product) and not found.deleted else None

    def _named(self, found: Product | None) -> NewLink | None:
        """The link of a product that names a Product2 in its metadata, if that one is there and has no other."""
        named = found.metadata.get(PRODUCT, "") if found else ""
        if found is None or not named.startswith(PREFIX) or linked_products(self.links, [named]):
            return None
        if found.id.startswith(NATURAL) and found.id != NATURAL + named:
            return None
        if named not in self.salesforce.products([named]):
            return None
        link = NewLink(f"product:{found.metadata.get(KEY) or found.id}", named, "product", found.id, found.livemode)
        self.links.add(link)
        log.info("product_linked", stripe_id=found.id, salesforce_id=named)
        return link

    def _write(self, claim: Claim, due: Due, plan: Plan, link: NewLink) -> None:
        write_whole(
            plan, ledger=self.ledger, writer=self.writer, claim=claim, due=due, now=self.clock.now(), trigger="due",
            salesforce_id=lambda _: link.salesforce_id,
        )  # fmt: skip

    def _tell_who_waits(self, found: Product, link: NewLink) -> None:
        """Quotes that were refused for this product are looked at again once it is not as it was read last."""
        if self.facts.get("product", [found.id]).get(found.id) != found:
            self.subjects.mark_blocked_on([found.id, link.salesforce_id], reason="product_changed")
