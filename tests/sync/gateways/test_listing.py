"""Both sides listed whole, page by page: nothing left out, nothing twice, and resumable where it was stopped."""

from __future__ import annotations

from decimal import Decimal

import pytest

from sync.crm import CrmRow
from sync.errors import Terminal
from sync.facts import Charge, Coupon, Customer, Fact, Invoice, Price, Product, Schedule, Subscription
from sync.gateways import salesforce_lists, stripe_lists
from sync.mapping import load
from sync.ports import FACT_KINDS, ROW_KINDS, FactKind, FactPage, OutRow, RowKind, Span, StripeLists
from sync.records import Ref
from tests.sync.gateways.crm_seed import make_deal as make_quote
from tests.sync.gateways.test_stripe_client import make_deal
from tests.sync.gateways.test_stripe_reads import self_serve
from tests.sync.gateways.world import World


def everything(stripe: StripeLists, kind: FactKind, span: Span | None = None) -> list[Fact]:
    found: list[Fact] = []
    page: FactPage | None = None
    while page is None or page.after is not None:
        page = stripe.list_facts(kind, page.after if page else None, *([span] if span else []))
        found += page.facts
    return found


def test_every_list_has_what_a_single_read_has(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stripe_lists, "PAGE", 2)
    stripe = world.stripe()
    make_deal(stripe)
    plans = [self_serve(world, card="pm_card_visa", email=f"ops{n}@birch.example") for n in range(3)]
    world.clock("2026-03-01T02:00:00Z")

    found = {kind: everything(stripe, kind) for kind in FACT_KINDS}

    types: dict[FactKind, type[Fact]] = {
        "product": Product, "price": Price, "coupon": Coupon, "customer": Customer, "schedule": Schedule,
        "subscription": Subscription, "invoice": Invoice, "charge": Charge,
    }  # fmt: skip
    for kind, type_ in types.items():
        assert {type(f) for f in found[kind]} == {type_}, kind
        assert len({f.id for f in found[kind]}) == len(found[kind]), kind
    assert {p for _, p in plans} <= {s.id for s in found["subscription"]}
    assert {c for c, _ in plans} <= {c.id for c in found["customer"]}
    for kind in ("customer", "schedule", "subscription", "invoice"):
        refs = [Ref(f"{kind}_id", f.id) for f in found[kind]]
        single = stripe.read(refs)
        assert found[kind] == [single.one(r) for r in refs]


def test_ended_subscriptions_and_archived_prices_are_in_their_lists(world: World) -> None:
    stripe = world.stripe()
    _, plan = self_serve(world, card="pm_card_visa")
    world.billing("DELETE", f"/v1/subscriptions/{plan}")
    price = everything(stripe, "price")[0]
    world.billing("POST", f"/v1/prices/{price.id}", active=False)

    ended = [s for s in everything(stripe, "subscription") if isinstance(s, Subscription)]
    assert [s.status for s in ended] == ["canceled"]
    assert [p.active for p in everything(stripe, "price") if isinstance(p, Price)] == [False]


def test_a_list_goes_on_behind_an_object_that_was_deleted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stripe_lists, "PAGE", 2)
    stripe = world.stripe()
    made = []
    for hour in range(5):
        world.clock(f"2026-03-01T0{hour}:00:00Z")
        made.append(world.billing("POST", "/v1/customers", name=f"C{hour}")["id"])
    first = stripe.list_facts("customer")
    assert [f.id for f in first.facts] == [made[4], made[3]]

    world.billing("DELETE", f"/v1/customers/{made[3]}")
    second = stripe.list_facts("customer", first.after)
    assert [f.id for f in second.facts] == [made[2], made[1]]


def test_spans_of_one_list_have_each_object_once(world: World) -> None:
    stripe = world.stripe()
    world.billing("POST", "/v1/customers", name="early")
    world.clock("2026-03-02T00:00:00Z")
    late = world.billing("POST", "/v1/customers", name="late")
    cut = late["created"]

    before = everything(stripe, "customer", Span(until_s=cut))
    after = everything(stripe, "customer", Span(since_s=cut))
    assert [getattr(f, "name", "") for f in before] == ["early"]
    assert [f.id for f in after] == [late["id"]]


def test_a_damaged_cursor_is_refused(world: World) -> None:
    with pytest.raises(Terminal, match="damaged"):
        world.stripe().list_facts("customer", "cus_without_its_second")


def test_signed_quotes_come_whole_and_in_pages(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(salesforce_lists, "PAGE", 2)
    org = world.org()
    signed = [make_quote(world, name=f"Acme{n}").quote for n in range(3)]
    make_quote(world, name="Unsigned")
    for quote in signed:
        world.change("Quote", quote, Status="Accepted")

    first = org.list_quotes()
    assert first.after is not None
    second = org.list_quotes(first.after)
    assert second.after is None
    listed = {g.quote.id: g for g in (*first.quotes, *second.quotes)}
    assert listed == org.quotes(signed)


def test_rows_come_as_they_were_sent_with_the_rows_they_hang_on(world: World) -> None:
    org = world.org()
    account = make_quote(world).account
    plan: dict[str, object] = {
        "Account__c": account, "Status__c": "Active", "Start_Date__c": "2026-03-01", "MRR__c": Decimal("10.50"),
        "As_Of__c": "2026-03-01T00:00:00Z", "Stripe_Id__c": "sub_1", "Channel__c": "Self-Serve", "Currency__c": "USD",
    }  # fmt: skip
    item: dict[str, object] = {"Quantity__c": Decimal(5)}
    above = {"Billing_Subscription__r": ("Billing_Subscription__c", "Billing_Key__c", "sub_1")}
    rows = [
        CrmRow("Account", "Id", account, {"Billing_Health__c": "Good", "Billing_As_Of__c": "2026-03-01T00:00:00Z"}, ""),
        CrmRow("Billing_Subscription__c", "Billing_Key__c", "sub_1", plan, account),
        CrmRow("Billing_Subscription_Item__c", "Billing_Key__c", "si_1", item, account, above),
    ]
    results, _ = org.flush([OutRow(n, r, "", 1, 1) for n, r in enumerate(rows)], org._http.deadline())
    assert all(r.ok for r in results.values())

    found = {kind: org.list_rows(kind).rows for kind in ROW_KINDS}

    [of_account], [of_plan], [of_item] = found["Account"], found[rows[1].sobject], found[rows[2].sobject]  # type: ignore[index]
    assert (of_account.key, of_account.fields["Billing_Health__c"]) == (account, "Good")
    assert of_plan.key == "sub_1"
    assert {name: of_plan.fields[name] for name in plan} == plan
    assert (of_item.key, of_item.parents) == ("si_1", {"Billing_Subscription__r": "sub_1"})
    assert of_item.fields["Quantity__c"] == Decimal(5)
    assert of_plan.changed_by
    assert of_plan.changed_at


def test_rows_of_an_org_with_a_namespace_have_our_own_names(namespaced_world: World) -> None:
    org = namespaced_world.org()
    account = make_quote(namespaced_world).account
    namespaced_world.change("Account", account, Stripe_Customer_Id__c="cus_1")

    [found] = org.list_rows("Account").rows
    assert (found.id, found.fields["Stripe_Customer_Id__c"]) == (account, "cus_1")
    assert all(not org.list_rows(kind).rows for kind in ROW_KINDS if kind != "Account")


def test_rows_are_paged_by_their_id(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(salesforce_lists, "PAGE", 2)
    org = world.org()
    ids = {world.make("Account", Name=f"A{n}", Stripe_Customer_Id__c=f"cus_{n}") for n in range(5)}
    world.make("Account", Name="nothing of ours")
    seen: list[str] = []
    after, pages = None, 0
    while pages == 0 or after is not None:
        page = org.list_rows("Account", after)
        seen, after, pages = [*seen, *(r.id for r in page.rows)], page.after, pages + 1
    assert pages == 3
    assert len(seen) == 5
    assert set(seen) == ids


@pytest.mark.parametrize("sobject", [k for k in ROW_KINDS if k != "Account"])
def test_every_reference_between_rows_of_ours_is_read_by_its_key(sobject: RowKind) -> None:
    ours = {f.api_name for f in load()[sobject].fields if f.type == "id"}
    by_id = {"Account__c", "Quote__c", "Product2__c"}
    assert ours - by_id == set(salesforce_lists.PARENTS.get(sobject, {}))
