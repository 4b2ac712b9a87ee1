"""What an example says was signed: quotes and their lines in few words, read by the code that reads a rep's quotes.

    quote    USD, 2026-01-01, 12 months, Annual, billing day 15      or: to 2026-11-15, or: no end, or: no term, once
    line     10 x 1,200.00 a Year, less 15 %, for 6 months, of Enterprise
    line     1 x 2,500.00 once
    line     use of resolution, Graduated 100 at 0.00; 1,000 at 0.99; above at 0.79
    change   2026-07-01, proration Stripe, signed 2026-06-01, arrives 2026-08-05
    add      5 x 1,200.00 a Year
    remove   2 x 1,200.00 a Year
    cancel   2026-07-16, credit Refund
    renew    12 months, Monthly

``signed`` is when the customer signed, ``arrives`` when Tandem takes the quote in; without it, when it was signed, and
without that, long before it takes effect.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sync.crm import CrmProduct, CrmQuoteLine, CrmTier
from sync.deal.changes import Credit, Proration
from sync.deal.deal import Deal
from sync.deal.policy import BillingPolicy
from sync.deal.settled import Begun, settled
from sync.deal.timeline import tracks
from sync.desired.subscription import desire
from sync.quotes.standard import read_change, read_quote
from tests.sync.deal.factory import ACCOUNT, EARLY, FEE, OTHER, ROW_ID, SEATS, USE, a_graph, a_line

HEADS = ("quote", "renew", "change", "cancel")
LINES = ("line", "add", "remove")
PRODUCTS = {product.name: product for product in (SEATS, FEE, OTHER)}


@dataclass
class Paper:
    """One quote: what stands in its fields, what its lines say, and how the installation reads it."""

    number: int  # its place among the papers of the example
    kind: str
    options: list[str]
    lines: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Signed:
    """The deal as all papers make it. ``begun`` is how each was settled when it arrived; ``now`` when the last one did."""

    deal: Deal
    now: datetime
    begun: Mapping[str, Begun]


def deal_of(papers: Sequence[Paper]) -> Signed:
    """The deal that the last New or Renewal quote makes, with what changes it, taken in one after the other. Raises
    Refused.
    """
    found: Signed | None = None
    policy = BillingPolicy()
    for paper in papers:
        read = _Read(paper)
        policy = replace(policy, **read.policy)
        if found is not None:
            read.arrives = max(read.arrives, found.now)
        if found is None or paper.kind in ("quote", "renew"):
            found = _made(read, policy, found)
        else:
            deal = read_change(
                read.graph(), found.deal, policy, read.arrives, signed_at=read.signed, accepted_at=read.arrives
            )
            found = _settled(deal, read.arrives, found.begun)
    assert found is not None, "an example begins with a quote"
    return found


def _made(read: _Read, policy: BillingPolicy, earlier: Signed | None) -> Signed:
    deal = read_quote(
        read.graph(), policy, read.arrives, signed_at=read.signed, accepted_at=read.arrives,
        renews=earlier.deal if earlier else None,
    )  # fmt: skip
    desire(deal, read.arrives, None, policy)  # refuses what can't be begun any more
    return _settled(deal, read.arrives, {})


def _settled(deal: Deal, now: datetime, known: Mapping[str, Begun]) -> Signed:
    """As Stripe's objects keep it: when each quote was brought in, and from which boundary Stripe bills with it."""
    found = {}
    for track in tracks(deal):
        when = settled(track, deal, known.get(track.key), now)
        own = when.get(track.opened_by)
        if own is not None:
            rest = {quote: stamp for quote, stamp in when.items() if quote != track.opened_by}
            found[track.key] = Begun(own.plain, own.at, rest)
    return Signed(deal, now, found)


class _Read:
    """A paper read into a quote's fields."""

    def __init__(self, paper: Paper) -> None:
        self.paper = paper
        self.zone: str | None = None
        self.policy: dict[str, Any] = {}
        self.stamps = {"signed": EARLY + timedelta(hours=paper.number)}
        self.fields: dict[str, Any] = {
            "id": f"0Q0AA{paper.number:010d}AAA",
            "number": f"{41 + paper.number:08d}",
            **_HEAD[paper.kind](paper.options),
        }
        for option in paper.options[_POSITIONS[paper.kind] :]:
            self._option(option)
        self.signed = self.stamps["signed"]
        self.arrives = self.stamps.get("arrives", self.signed)

    def graph(self) -> Any:
        """The quote as Salesforce would give it."""
        account = replace(ACCOUNT, billing_timezone=self.zone)
        lines, products = [], {p.name: p for p in (*PRODUCTS.values(), USE)}
        for n, (verb, text) in enumerate(self.paper.lines, start=100 * self.paper.number + 1):
            line, product = _line(n, text)
            lines.append(replace(line, quote_id=self.fields["id"], change="Remove" if verb == "remove" else None))
            products[product.name] = product
        return a_graph(*lines, account=account, products=tuple(products.values()), **self.fields)

    def _option(self, text: str) -> None:
        word, _, rest = text.partition(" ")
        if text in _POLICIES:
            self.policy |= _POLICIES[text]
        elif word in ("signed", "arrives"):
            self.stamps[word] = moment(rest)
        elif word == "zone":
            self.zone = rest
        elif word in _FIELDS:
            self.fields |= _FIELDS[word](rest)
        else:
            raise AssertionError(f"an example asks for {text!r}")


def moment(text: str) -> datetime:
    """A UTC instant; a day means ten in the morning."""
    found = datetime.fromisoformat(text if "T" in text else f"{text}T10:00")
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _less(text: str) -> dict[str, Any]:
    found = re.fullmatch(r"(\S+) %(?: for (\d+) months)?", text)
    assert found, f"a quote is less {text!r}"
    return {"quote_discount": Decimal(found[1]), "quote_discount_months": int(found[2]) if found[2] else None}


_POLICIES: Mapping[str, dict[str, Any]] = {
    "rounding step": {"rounding_step": True},
    "precision month": {"whole_months": True},
    "oldest first": {"newest_first": False},
    "no co-termination": {"co_terminate": False},
}
_FIELDS: Mapping[str, Callable[[str], dict[str, Any]]] = {
    "Net": lambda rest: {"days_until_due": int(rest)},
    "less": _less,
    "proration": lambda rest: {"proration_policy": str(Proration(rest))},
    "credit": lambda rest: {"credit_policy": str(Credit(rest))},
    "billing": lambda rest: {"billing_day": int(rest.removeprefix("day "))},
    "trial": lambda rest: {"trial_days": int(rest.removesuffix(" days"))},
    "skip": lambda rest: {"skip_past_invoices": rest == "past"},
    "renews": lambda rest: {"auto_renew": rest == "by itself"},
    "to": lambda rest: {"end_date": date.fromisoformat(rest)},
    "start": lambda rest: {"start_date": date.fromisoformat(rest)},
    "PO": lambda rest: {"po_number": rest},
}
#: How many options say what a quote is; the others may follow in any order.
_POSITIONS = {"quote": 4, "renew": 2, "change": 1, "cancel": 1}
_NAMED = {"billing_subscription_id": ROW_ID, "billing_subscription_key": "0Q0"}
_HEAD: Mapping[str, Callable[[list[str]], dict[str, Any]]] = {
    "quote": lambda o: {
        "currency": o[0], "start_date": date.fromisoformat(o[1]), **_term(o[2]),
        "billing_frequency": None if o[3] == "once" else o[3],
    },
    "renew": lambda o: {
        "quote_type": "Renewal", "start_date": None, **_term(o[0]), "billing_frequency": o[1], **_NAMED
    },
    "change": lambda o: {
        "quote_type": "Amendment", "start_date": date.fromisoformat(o[0]), "term_months": None,
        "billing_frequency": None, **_NAMED,
    },
    "cancel": lambda o: {
        "quote_type": "Cancellation", "start_date": date.fromisoformat(o[0]), "term_months": None,
        "billing_frequency": None, **_NAMED,
    },
}  # fmt: skip


def _term(text: str) -> dict[str, Any]:
    if text == "no term":
        return {"term_months": None}
    if text == "no end":
        return {"term_months": None, "auto_renew": True}
    if text.startswith("to "):
        return {"term_months": None, "end_date": date.fromisoformat(text.removeprefix("to "))}
    return {"term_months": int(text.removesuffix(" months"))}


# ------------------------------------------------------------------ lines


def _line(number: int, text: str) -> tuple[CrmQuoteLine, CrmProduct]:
    """A line and its product."""
    what, *options = text.split(", ")
    changes: dict[str, Any]
    if what.startswith("use of "):
        product, changes, options = _usage(what, options)
    else:
        sold = re.fullmatch(r"(\S+) x (\S+) (?:a (\w+)|(once))", what)
        assert sold, f"a line reads {text!r}"
        changes = {"quantity": Decimal(sold[1]), "unit_price": _amount(sold[2]), "price_period": sold[3]}
        product = FEE if sold[4] else SEATS
    for option in options:
        word, _, rest = option.partition(" ")
        if word == "of":
            product = PRODUCTS[rest]
        else:
            assert word in _OPTIONS, f"a line asks for {option!r}"
            changes |= _OPTIONS[word](rest)
    return a_line(number, product_id=product.id, **changes), product


def _usage(what: str, options: list[str]) -> tuple[CrmProduct, dict[str, Any], list[str]]:
    event, _, price = what.removeprefix("use of ").partition(" at ")
    product, changes = replace(USE, meter_event=event), {"quantity": Decimal(1), "unit_price": Decimal(0)}
    if price:
        return product, {**changes, "unit_price": _amount(price)}, options
    mode, _, steps = options[0].partition(" ")
    tiers = tuple(_tier(step) for step in steps.split("; "))
    return replace(product, tier_mode=mode, tiers=tiers), changes, options[1:]


def _tier(text: str) -> CrmTier:
    found = re.fullmatch(r"(\S+) at (\S+)(?: plus (\S+))?", text)
    assert found, f"a tier reads {text!r}"
    up_to = None if found[1] == "above" else _amount(found[1])
    return CrmTier("USD", up_to, _amount(found[2]), _amount(found[3]) if found[3] else None)


def _off(text: str) -> dict[str, Any]:
    if text.endswith(" %"):
        return {"discount_percent": Decimal(text.removesuffix(" %"))}
    return {"discount_amount": _amount(text)}


def _amount(text: str) -> Decimal:
    return Decimal(text.replace(",", ""))


_OPTIONS: Mapping[str, Callable[[str], dict[str, Any]]] = {
    "less": _off,
    "for": lambda rest: {"discount_months": int(rest.removesuffix(" months"))},
    "billed": lambda rest: {"billing_frequency": rest},
    "from": lambda rest: {"start_date": date.fromisoformat(rest)},
    "to": lambda rest: {"end_date": date.fromisoformat(rest)},
    "ramp": lambda rest: {"ramp_key": rest},
}
