"""Several Stripe accounts: where a quote is billed, what an Account's row adds up, who takes usage in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import pytest

from sync.config import ConfigFault
from sync.crm import CrmQuote, QuoteGraph
from sync.desired.account_summary import summary_of
from sync.desired.account_view import AccountView
from sync.errors import Transient
from sync.facts import Customer, Invoice
from sync.ports import NewLink
from sync.ports.usage import NewUsage
from sync.run.routing import Routing
from sync.run.several import ShownElsewhere, StripeSide, Whole, together
from sync.run.usage_intake import UNKNOWN, Taken
from sync.run.usage_intakes import Intakes
from sync.usage.rows import Refusal, UsageRow
from sync.wiring.accounts import Account, parted

NOW = datetime(2026, 3, 1, tzinfo=UTC)
EU = "acct_eu"


# ---------------------------------------------------------------- where a quote is billed


def quote(id_: str, country: str, **more: Any) -> QuoteGraph:
    record = CrmQuote(id=id_, number=id_, name=id_, status="Accepted", account_id="001A", **more)
    return QuoteGraph(record, (), None, routed_by={"Account.BillingCountry": country})


@dataclass
class Org:
    """An org with these quotes, of which some began on a Stripe account."""

    quotes_: Mapping[str, QuoteGraph] = field(default_factory=dict)
    began: Mapping[str, str] = field(default_factory=dict)

    def quotes(self, ids: Sequence[str]) -> Mapping[str, QuoteGraph]:
        return {i: self.quotes_[i] for i in ids if i in self.quotes_}

    def frozen(self, quote_id: str) -> object:
        return self.began.get(quote_id)

    def state(self, key: str) -> object:
        found = self.began.get(key.partition(":")[2])
        return SimpleNamespace(stripe_account=found) if found is not None else None


def routed(graph: QuoteGraph, org: Org) -> str:
    any_ = cast("Any", org)
    return Routing(lambda by: EU if by["Account.BillingCountry"] == "DE" else "", any_, any_, any_).of(graph)


def test_a_quote_goes_by_the_rules_until_it_began_somewhere() -> None:
    assert routed(quote("0Q0A", "DE"), Org()) == EU
    assert routed(quote("0Q0A", "US"), Org()) == ""
    assert routed(quote("0Q0A", "US"), Org(began={"0Q0A": EU})) == EU


@pytest.mark.parametrize("kind", ["Amendment", "Cancellation", "Renewal"])
def test_what_changes_or_renews_a_deal_follows_it_whatever_the_rules_say_today(kind: str) -> None:
    change = quote("0Q0B", "US", quote_type=kind, billing_subscription_key="0Q0A")
    assert routed(change, Org(began={"0Q0A": EU})) == EU
    assert routed(change, Org({"0Q0A": quote("0Q0A", "DE")})) == EU, "not begun yet: it will go there too"
    assert routed(change, Org()) == "", "of a deal that is no quote's"


def test_a_new_quote_that_names_a_deal_all_the_same_goes_by_the_rules() -> None:
    assert routed(quote("0Q0B", "US", billing_subscription_key="0Q0A"), Org(began={"0Q0A": EU})) == ""


# ---------------------------------------------------------------- what an Account's row says


def view(customer: str, owed: int, currency: str = "usd") -> AccountView:
    bill = Invoice(
        id=f"in_{customer}", customer=customer, status="open", currency=currency, total_minor=owed, subtotal_minor=owed,
        amount_due_minor=owed, amount_remaining_minor=owed, created_s=1, collection_method="send_invoice",
    )  # fmt: skip
    return AccountView("001A", "UTC", NOW, [Customer(id=customer, currency=currency)], [], [], [bill])


@dataclass
class Links:
    customers: Mapping[str, str] = field(default_factory=dict)
    products: Mapping[str, str] = field(default_factory=dict)

    def by_salesforce_id(self, ids: Iterable[str], kind: str) -> list[NewLink]:
        found = self.customers if kind == "customer" else self.products
        return [NewLink(f"{kind}:{i}", i, kind, found[i], livemode=False) for i in ids if i in found]


def side(part: str, links: Links, views: Mapping[str, AccountView]) -> StripeSide:
    mirror = SimpleNamespace(views=lambda accounts: {a: views[a] for a in accounts})
    return StripeSide(part, cast("Any", mirror), cast("Any", links))


def test_an_accounts_row_is_the_same_whichever_stripe_account_shows_it() -> None:
    us, eu = view("cus_us", 100), view("cus_eu", 30)
    sides = [
        side("", Links({"001A": "cus_us"}), {"001A": us}),
        side(EU, Links({"001A": "cus_eu"}), {"001A": eu}),
    ]
    crm = cast("Any", SimpleNamespace(routed_by=lambda ids: {i: {"Account.BillingCountry": "DE"} for i in ids}))

    def rows(home: str) -> list[Any]:
        shown = [
            Whole("", lambda: sides, crm, lambda by: home)({"001A": us}),
            Whole(EU, lambda: sides, crm, lambda by: home)({"001A": eu}),
        ]
        return [summary_of(whole["001A"], []) for whole in shown]

    first, second = rows(EU)
    assert first == second
    assert (first.stripe_customer_id, first.open_balance) == ("cus_eu", Decimal("1.30"))
    assert [row.stripe_customer_id for row in rows("")] == ["cus_us", "cus_us"]


def test_an_account_that_is_on_one_stripe_account_is_asked_about_nowhere() -> None:
    sides = [side("", Links({"001A": "cus_us"}), {}), side(EU, Links(), {})]
    assert Whole("", lambda: sides, cast("Any", None), lambda by: "")({"001A": view("cus_us", 1)}) == {}


def test_amounts_of_a_second_currency_are_not_added() -> None:
    both = together([view("cus_us", 100), replace(view("cus_eu", 30, "eur"))])
    assert summary_of(both, []).open_balance == 1


def test_of_a_product_on_two_accounts_the_first_one_is_shown() -> None:
    sides = [side("", Links(products={"01tA": "prod_us"}), {}), side(EU, Links(products={"01tA": "prod_eu"}), {})]
    assert ShownElsewhere("", lambda: sides)(["01tA", "01tB"]) == set()
    assert ShownElsewhere(EU, lambda: sides)(["01tA", "01tB"]) == {"01tA"}


# ---------------------------------------------------------------- who takes usage in


def use(name: str) -> UsageRow:
    return UsageRow("default", name, 1, NOW, event="calls", account="001A")


@dataclass
class Intake:
    """Bills the customers of these names, and knows some more."""

    bills: Sequence[str]
    knows: Sequence[str] = ()
    took: list[str] = field(default_factory=list)
    before: Sequence[str] = ()
    clock: Any = field(default_factory=lambda: SimpleNamespace(now=lambda: NOW))

    @property
    def store(self) -> Any:
        return SimpleNamespace(known=lambda rows: [row.identifier in self.before for row in rows])

    def judged(self, rows: Mapping[int, UsageRow], now: datetime) -> dict[int, NewUsage | Refusal]:
        return {n: self._judge(row) for n, row in rows.items()}

    def _judge(self, row: UsageRow) -> NewUsage | Refusal:
        if row.identifier in self.bills:
            return NewUsage(row, "calls", "cus_1")
        return Refusal("not_billed", "nothing") if row.identifier in self.knows else Refusal(UNKNOWN, "nobody")

    def take(self, rows: Sequence[UsageRow | Refusal], *, keep: bool = True) -> Taken:
        known = [row for row in rows if isinstance(row, UsageRow) and row.identifier in self.before]
        judged = [self._judge(row) if isinstance(row, UsageRow) else row for row in rows if row not in known]
        self.took += [a.row.identifier for a in judged if isinstance(a, NewUsage)]
        refused = [(n, a) for n, a in enumerate(judged) if isinstance(a, Refusal)]
        return Taken(len(judged) - len(refused), len(known), refused)


def test_usage_is_taken_in_on_the_account_that_bills_it() -> None:
    us, eu = Intake(["a", "both"]), Intake(["b", "both"], knows=["c"])
    bad = Refusal("incomplete", "no identifier")
    taken = Intakes(cast("Any", [us, eu])).take([use("b"), bad, use("a"), use("both"), use("c"), use("d")])
    assert (us.took, eu.took) == (["a"], ["b"])
    assert [(place, why.reason) for place, why in taken.refused] == [
        (1, "incomplete"), (3, "several_customers"), (4, "not_billed"), (5, UNKNOWN),
    ]  # fmt: skip
    assert taken.accepted == 2


def test_usage_taken_in_before_is_known_whatever_else_could_bill_it_today() -> None:
    us, eu = Intake(["both"], before=["both"]), Intake(["both"], before=["both"])
    taken = Intakes(cast("Any", [us, eu])).take([use("both")])
    assert (taken.accepted, taken.known, taken.refused) == (0, 1, [])


# ---------------------------------------------------------------- who the accounts are


class Known:
    """A Stripe account that answers, or does not."""

    def __init__(self, account: str | None) -> None:
        self.answer, self.is_known = account, account is not None

    @property
    def account(self) -> str:
        assert self.answer
        return self.answer

    def known_as(self, account: str) -> None:
        self.answer = account


def accounts(**answers: str | None) -> list[Account]:
    return [Account(name, cast("Any", Known(answer))) for name, answer in answers.items()]


AWAY = Transient("TEMP-406", "away")


def test_the_account_that_the_store_began_with_comes_first_and_keeps_its_work() -> None:
    found = parted(accounts(eu="acct_eu", us="acct_us"), [], {"stripe": "acct_us"})
    assert [(one.name, one.part) for one in found] == [("us", ""), ("eu", "acct_eu")]
    fresh = parted(accounts(eu="acct_eu", us="acct_us"), [], {})
    assert [(one.name, one.part) for one in fresh] == [("eu", ""), ("us", "acct_us")]


def test_an_account_that_is_away_is_the_one_that_it_was() -> None:
    pinned = {"stripe": "acct_us", "stripe:us": "acct_us", "stripe:eu": "acct_eu"}
    found = parted(accounts(us="acct_us", eu=None), [AWAY], pinned)
    assert [one.stripe.account for one in found] == ["acct_us", "acct_eu"]
    with pytest.raises(Transient):
        parted(accounts(us="acct_us", asia=None), [AWAY], pinned)


def test_two_keys_of_one_account_are_a_fault() -> None:
    with pytest.raises(ConfigFault, match="acct_us"):
        parted(accounts(us="acct_us", eu="acct_us"), [], {})
