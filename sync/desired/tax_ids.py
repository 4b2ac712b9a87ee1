"""The tax number of the Account as a tax id of the Stripe customer. Tax ids have no metadata: which of them are ours is said in
the customer's. Ids that others added are never touched, also where they are the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sync.deal.deal import Payer
from sync.deal.tax_numbers import TaxNumber, read_tax_number
from sync.desired.taxed_customer import address_used
from sync.facts import Customer, TaxId
from sync.observed import Actual
from sync.records import Desired, Ref, Value

#: On a customer: the tax ids that we made, as ``eu_vat:DE123456789``, comma-separated.
TAX_IDS = "tandem_tax_ids"


@dataclass(frozen=True)
class TaxIds:
    """What should be of our tax ids; ``metadata`` says on the customer which are ours; ``again``: when something was deleted,
    that has to be said after it.
    """

    objects: tuple[Desired, ...] = ()
    actual: Mapping[Ref, Actual] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    again: bool = False


def number_of(payer: Payer, customer: Customer | None) -> TaxNumber | None:
    """The tax number in the country in which the customer is taxed; None for none, or for one that can't be one."""
    country = address_used(payer, customer).get("country", "")
    return read_tax_number(payer.tax_number, country) if payer.tax_number else None


def claimed(customer: Customer | None) -> frozenset[str]:
    """The tax ids that we made, by name."""
    return frozenset(filter(None, (customer.metadata.get(TAX_IDS, "") if customer else "").split(",")))


def desire_tax_ids(payer: Payer, customer: Customer | None, there: Sequence[TaxId]) -> TaxIds:
    """The Account's number is there, and no other of ours. One that can't be read changes nothing."""
    wanted = number_of(payer, customer)
    if payer.tax_number and wanted is None:
        return TaxIds()
    ours = claimed(customer)
    by_name = {TaxNumber(one.type, one.value).name: one for one in there}
    objects: list[Desired] = []
    kept = {name for name in ours if name in by_name}
    if wanted is not None and wanted.name not in by_name:
        objects.append(_made(payer, wanted))
        kept.add(wanted.name)
    gone = sorted(name for name in ours if name in by_name and (wanted is None or name != wanted.name))
    objects += [_deleted(payer, name) for name in gone]
    said = ",".join(sorted(kept))
    known = customer.metadata.get(TAX_IDS, "") if customer else ""
    return TaxIds(
        tuple(objects),
        {_ref(payer, name): Actual(one.id, {"standing": "there"}) for name, one in by_name.items()},
        {TAX_IDS: said} if said != known else {},
        again=bool(gone),
    )


def _ref(payer: Payer, name: str) -> Ref:
    return Ref("taxid", f"{payer.account_id}:{name}")


def _made(payer: Payer, number: TaxNumber) -> Desired:
    create: dict[str, Value] = {
        "customer": Ref("customer", payer.account_id),
        "type": number.type,
        "value": number.value,
    }
    return Desired(_ref(payer, number.name), create=create)


def _deleted(payer: Payer, name: str) -> Desired:
    return Desired(
        _ref(payer, name), create={}, compare={"standing": "gone"}, update={"standing": {}}, acts={"standing": "delete"}
    )
