"""Products, and what the mappings send of Accounts, on both sides: part of every comparison."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Protocol

from sync.crm import CrmAccount, CrmProduct, CrmRow
from sync.desired.compared_fields import customer_unlike, product_row_unlike, product_unlike
from sync.desired.differences import Difference
from sync.facts import Customer, Product
from sync.ports import Facts, Links, StripeGateway
from sync.ports.catalogue import SalesforceProducts
from sync.ports.comparing import Comparing
from sync.records import Ref
from sync.run.catalogued import linked_products
from sync.run.following import payer_of
from sync.run.rows import Rows, nowhere

#: Products of one reading: as many as one call's five queries name.
AT_ONCE = 750


class Records(SalesforceProducts, Protocol):
    """What is read of the org."""

    def accounts(self, ids: Sequence[str]) -> Mapping[str, CrmAccount]: ...


@dataclass(frozen=True)
class ComparedCatalogue:
    """Everything that comparing products and fields needs of the outside. ``sends``: the mappings send something of an
    Account.
    """

    stripe: StripeGateway
    salesforce: Records
    facts: Facts
    links: Links
    comparing: Comparing
    rows: Rows
    sends: bool = False
    #: Those of these products whose rows another Stripe account shows.
    shown_elsewhere: Callable[[Iterable[str]], Set[str]] = nowhere

    def refresh(self, product_ids: Sequence[str]) -> None:
        """What Stripe has for these products is read now and stored."""
        fence = self.facts.fence()
        refs = [Ref("product", link.stripe_id) for link in linked_products(self.links, product_ids).values()]
        self.facts.put(self.stripe.read(refs).all() if refs else (), fence)

    def products(self, product_ids: Iterable[str]) -> tuple[list[Difference], dict[tuple[str, str], CrmRow]]:
        """Every difference of these products, as Stripe was read last, and the rows as they should stand. One that is due or
        running just now is left out.
        """
        ids, found, rows = sorted(set(product_ids)), list[Difference](), dict[tuple[str, str], CrmRow]()
        for some in (ids[i : i + AT_ONCE] for i in range(0, len(ids), AT_ONCE)):
            linked = linked_products(self.links, some)
            stripe = self.facts.get("product", [link.stripe_id for link in linked.values()])
            elsewhere = self.shown_elsewhere(linked)
            states = self.comparing.states(f"product:{id_}" for id_ in linked)
            busy = {k for k, s in states.items() if s.revision != s.done_revision}
            for id_, product in self.salesforce.products([i for i in linked if f"product:{i}" not in busy]).items():
                there = stripe.get(linked[id_].stripe_id)
                if product.is_deleted or not isinstance(there, Product) or there.deleted:
                    continue
                found += product_unlike(product, there)
                if id_ in elsewhere:
                    continue
                row = self.rows.product(id_, there.id, there)
                found += product_row_unlike(id_, row.fields, self._stands(product))
                rows[row.sobject, row.key] = row
        return found, rows

    def accounts(self, customers: Mapping[str, Sequence[str]]) -> list[Difference]:
        """Every difference of what these Accounts send to the customers that pay for them."""
        if not self.sends or not customers:
            return []
        payers = {
            link.salesforce_id: link.stripe_id for link in self.links.by_key([payer_of(a) for a in customers]).values()
        }
        stripe = self.facts.get("customer", list(payers.values()))
        accounts = self.salesforce.accounts(list(payers))
        pairs = [(accounts.get(a), stripe.get(c)) for a, c in sorted(payers.items())]
        return [
            one
            for account, customer in pairs
            if account is not None and isinstance(customer, Customer) and not customer.deleted
            for one in customer_unlike(account, customer)
        ]

    def _stands(self, product: CrmProduct) -> dict[str, object]:
        """The product's fields in the CRM by their names there."""
        return {name: getattr(product, attribute) for attribute, name in self.rows.api_names()[CrmProduct].items()}
