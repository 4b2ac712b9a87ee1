"""Collects all that is wrong with a quote, so that a rep hears of everything at once (BILLING_RULES 8)."""

from __future__ import annotations

from sync import catalogue
from sync.crm import CrmProduct, CrmQuoteLine, QuoteGraph
from sync.errors import Refusal, Refused


class Faults:
    """The refusals found so far. Every one waits for the quote itself too, so that any change of it is a new try."""

    def __init__(self, graph: QuoteGraph) -> None:
        self._graph = graph
        self.found: list[Refusal] = []

    def add(
        self, code: str, detail: str, *, record_id: str = "", field: str = "", also: tuple[str, ...] = (), **slots: str
    ) -> None:
        """Note one fault; ``record_id`` defaults to the quote, ``also`` are other records whose change would mend it."""
        quote_id = self._graph.quote.id
        at = record_id or quote_id
        self.found.append(
            catalogue.refusal(code, detail, record_id=at, field=field, blocked_on=(quote_id, *also), **slots)
        )

    def not_covered(
        self, feature: str, field: str, seen: object, todo: str = "Clear it", *, line: CrmQuoteLine | None = None
    ) -> None:
        """Note something this release can't bill yet (CONF-311), on the quote or on a line."""
        where = self.name(line) if line else self.quote
        detail = f"{where}: {field} is {seen}. {todo}, or bill this deal by hand."
        self.add("CONF-311", detail, record_id=line.id if line else "", field=field, feature=feature)

    @property
    def quote(self) -> str:
        """How the quote is named to people."""
        return f"Quote {self._graph.quote.number or self._graph.quote.id}"

    def product(self, line: CrmQuoteLine) -> CrmProduct | None:
        """The line's product, as it is in the CRM now."""
        return self._graph.products.get(line.product_id) if line.product_id else None

    def name(self, line: CrmQuoteLine) -> str:
        """How a line is named to people: its number, else its id, and the product."""
        product = self.product(line)
        what = f' "{product.name}"' if product else ""
        return f"{self.quote}, line {line.line_number or line.id}{what}"

    def raise_if_any(self) -> None:
        """Raise `Refused` with all of them, in the order found."""
        if self.found:
            raise Refused(tuple(self.found))
