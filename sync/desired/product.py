"""A product of Salesforce as a product of Stripe: what is sent of it, and by whom it was archived (docs/billing-rules.md,
Catalogue). Prices are `sync.desired.catalog`'s.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from sync.crm import CrmProduct, Sent
from sync.deal.lines import DealProduct, natural_id
from sync.deal.taxation import Taxation
from sync.desired.keys import ARCHIVED, KEY, PRODUCT, emptied, labels
from sync.ends import end_of
from sync.facts import Product
from sync.records import Desired, Ref, Value

_TAX_CODE = re.compile(r"txcd_[0-9]{8}\Z")
#: Stripe's limit; Salesforce's is 255.
NAME_LENGTH = 250
BY_US = "salesforce"


def new_product(product: DealProduct, tax: Taxation | None = None) -> Desired:
    """The product that a deal makes in Stripe where there is none. One that is there is its own run's business, so that a
    deal that runs never undoes what was said of the product since; one that is adopted is marked as this product's. Of a
    deal that is taxed, a product without a tax code of its own has the installation's.
    """
    metadata = {KEY: product.key, PRODUCT: product.id}
    shown = {k: v for k, v in labels(product.sent, "product").items() if v is not None}
    members = {name: v for name, v in _members(product).items() if v is not None}
    members.setdefault("name", product.name[:NAME_LENGTH])
    compare: dict[str, Value] = {"metadata": metadata} if product.adopted else {}
    own = str(members.get("tax_code") or "") or None
    code = tax.code_of(own) if tax else None
    if code and is_tax_code(code) and (own is None or product.adopted):
        members["tax_code"] = compare["tax_code"] = code
    return Desired(
        Ref("product", product.key),
        create={"id": product.key, **members, "metadata": {**metadata, **shown}},
        compare=compare,
        update={name: {name: value} for name, value in compare.items()},
        shared=True,
    )


def desire_product(product: CrmProduct, found: Product) -> Desired:
    """The Stripe product ``found`` as the CRM has it: what the mappings send, and our mark.

    A blank label takes its key away, and a blank text empties the member of a product that Tandem made; what somebody else
    made keeps what it had, and a blank tax code is always left to Stripe. What the CRM sells again is active again where it
    was archived because of the CRM; where somebody archived it in Stripe, it stays so.
    """
    sold = DealProduct(product.id, product.name, product.description, product.tax_code, sent=product.sent)
    members = {k: v for k, v in _members(sold).items() if v is not None or found.id == natural_id(product.id)}
    wanted = dict(product.sent).get("product.active")
    metadata: dict[str, Value] = {KEY: found.metadata.get(KEY, found.id), PRODUCT: product.id}
    metadata |= labels(product.sent, "product")
    if wanted is True:
        if found.active or found.metadata.get(ARCHIVED) == BY_US:
            metadata[ARCHIVED] = None
        else:
            del members["active"]
    elif wanted is False and found.active:
        metadata[ARCHIVED] = BY_US
    compare: dict[str, Value] = {**members, "metadata": metadata}
    sent = {"metadata": emptied(metadata)}
    update: dict[str, Mapping[str, Value]] = {
        name: {name: "" if value is None else value} for name, value in members.items()
    }
    return Desired(
        Ref("product", found.id),
        create={},
        compare=compare,
        update={**update, "active": {**update.get("active", {}), **sent}, "metadata": sent},
        shared=True,
    )


def is_tax_code(text: str) -> bool:
    """Whether this can be one of Stripe's tax codes."""
    return _TAX_CODE.fullmatch(text) is not None


def _members(product: DealProduct) -> dict[str, Value]:
    """The members of Stripe's product that are the CRM's to say, as they should be; a blank one is None."""
    sent: Sent = product.sent or (("product.name", product.name), ("product.tax_code", product.tax_code))
    members: dict[str, Value] = {}
    for path, value in ((end_of(to).path, value) for to, value in sent if end_of(to).key is None):
        if path == "name":
            members[path] = str(value or product.name)[:NAME_LENGTH]
        elif path != "tax_code" or (isinstance(value, str) and is_tax_code(value)):
            members[path] = value
    return members
