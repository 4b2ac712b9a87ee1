"""Collects all that is wrong with a quote, so that a rep hears of everything at once (BILLING_RULES 8)."""

from __future__ import annotations

from datetime import date

from sync import catalogue
from sync.crm import CrmProduct, CrmQuoteLine, QuoteGraph
from sync.deal.calendar import say
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

    def bad_value(
        self, field: str, value: object, choices: str, *, where: str = "", line: CrmQuoteLine | None = None
    ) -> None:
        """Note a value that the field can't have (CONF-304), on the quote or on a line."""
        detail = f"{self.name(line) if line else self.quote}: choose {choices}."
        at = line.id if line else ""
        self.add("CONF-304", detail, record_id=at, field=field, value=str(value), where=where or field)

    def dates(
        self, field: str, first: date, second: date, detail: str, *, line: CrmQuoteLine | None = None, record: str = ""
    ) -> None:
        """Note two days that don't go together (DATA-205); ``detail`` names the right one."""
        where = self.name(line) if line else self.quote
        at = line.id if line else record
        self.add("DATA-205", f"{where}: {detail}", record_id=at, field=field, first=say(first), second=say(second))

    def price(self, line: CrmQuoteLine, field: str, detail: str) -> None:
        """Note a price or a discount of a line that can't be billed (DATA-209)."""
        name = self.name(line)
        self.add("DATA-209", f"{name}: {detail}", record_id=line.id, field=field, line=name)

    def product_incomplete(
        self, line: CrmQuoteLine, product: CrmProduct | None, field: str, detail: str, *, at_line: bool = False
    ) -> None:
        """Note a product that can't be sold as it is (CONF-301): it waits for the product and for the line."""
        name = product.name if product else "The product"
        ids = tuple(id_ for id_ in (line.id, line.product_id) if id_)
        record_id = product.id if product and not at_line else line.id
        text = f"{self.name(line)}: {detail}"
        self.add("CONF-301", text, record_id=record_id, field=field, also=ids, product=name)

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
