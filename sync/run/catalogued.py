"""Quotes as Salesforce has them, each product knowing which Stripe product it is: the one that it is linked to, else the
one that somebody wrote on it, which nobody has looked at yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from sync.crm import CrmProduct, QuoteGraph
from sync.deal.lines import NATURAL, natural_id
from sync.ports import Links, NewLink, SalesforceGateway


class Catalogued:
    """An org whose quotes are read with that; all else is the org's own."""

    def __init__(self, salesforce: SalesforceGateway, links: Links) -> None:
        self._salesforce, self._links = salesforce, links

    def quotes(self, ids: Sequence[str]) -> Mapping[str, QuoteGraph]:
        """As the port says."""
        graphs = self._salesforce.quotes(ids)
        products = {p.id for graph in graphs.values() for p in graph.products.values()}
        if not products:
            return graphs
        linked = linked_products(self._links, products)
        return {
            id_: replace(graph, products={i: self._known(p, linked) for i, p in graph.products.items()})
            for id_, graph in graphs.items()
        }

    def _known(self, product: CrmProduct, linked: Mapping[str, NewLink]) -> CrmProduct:
        link = linked.get(product.id)
        adopted = adopted_id(product, link)
        if link is None and adopted is not None and self._links.elsewhere(adopted):
            adopted = None  # the record shows one product, on another Stripe account
        return replace(product, adopted=adopted)

    def __getattr__(self, name: str) -> object:
        return getattr(self._salesforce, name)


def adopted_id(product: CrmProduct, link: NewLink | None) -> str | None:
    """The Stripe product that this one is, where it is not the one that Tandem makes. A link stands above what is written
    on the product; an id that Tandem made for another product is a copy, as cloning leaves it, and says nothing.
    """
    if link is not None:
        return link.stripe_id if link.stripe_id != natural_id(product.id) else None
    written = (product.stripe_product_id or "").strip()
    return written if written and not written.startswith(NATURAL) else None


def linked_products(links: Links, product_ids: Iterable[str]) -> dict[str, NewLink]:
    """The link of each product that has one; of two, that of the product that Tandem made."""
    found = links.by_salesforce_id(product_ids, "product")
    ordered = sorted(found, key=lambda link: (link.stripe_id == natural_id(link.salesforce_id), link.stripe_id))
    return {link.salesforce_id: link for link in ordered}
