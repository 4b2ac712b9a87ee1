"""Customers of the web site who sign a quote: their plans end, what was billed too much is given back, one row goes on."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tests.e2e.dying import die_after_creating
from tests.e2e.looks import changes_nothing, everything_due, quote_row, seconds, settled
from tests.e2e.people import sell
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

pytestmark = pytest.mark.long


ROW = "Id Billing_Key__c Quote__c Channel__c Status__c MRR__c Quantity__c Ends_On__c End_Date__c"


def _account(world: World) -> str:
    return world.crm.create(
        "Account", Name="Birch", Website="https://birch.example", Billing_Email__c="ops@birch.example"
    )


def _plan(world: World, customer: str, amount: int, interval: str, **more: Any) -> dict[str, Any]:
    product = world.stripe.post("products", name=f"By the {interval}")["id"]
    terms = {"product": product, "currency": "usd", "unit_amount": amount, "recurring[interval]": interval}
    price = world.stripe.post("prices", form=terms)["id"]
    return world.stripe.post("subscriptions", form={"customer": customer, "items[0][price]": price, **more})


def _rows(world: World) -> dict[str, dict[str, Any]]:
    return {row["Billing_Key__c"]: row for row in world.crm.rows("Billing_Subscription__c", ROW)}


def _live(world: World) -> list[str]:
    return [s["id"] for s in world.stripe.all("subscriptions", status="all") if s["status"] != "canceled"]


def _agrees(tandem: Tandem) -> None:
    """A comparison of both sides finds nothing."""
    report = tandem.services.pipeline.nightly.sweep.run("test", heal=False)
    told = [f"{d.kind}: {d.record} {d.field}: {d.expected}, not {d.actual}" for d in report.differences]
    assert told == []


def test_a_back_dated_deal_ends_every_plan_and_gives_back_what_they_billed_since_whoever_is_killed_meanwhile(
    world: World, make_tandem: Callable[..., Tandem]
) -> None:
    tandem = make_tandem(lease_s=4.0, call_deadline_s=3.0)  # who is killed is soon known to be gone
    world.at("2026-01-10")
    account = _account(world)
    monthly = world.stripe.sign_up("Birch", "ops@birch.example", seats=5, card="pm_card_visa")
    customer = monthly["customer"]
    annual = _plan(world, customer, 480_000, "year", collection_method="send_invoice", days_until_due=30)
    settled(tandem)
    before = _rows(world)
    assert {row["MRR__c"] for row in before.values()} == {Decimal("195"), Decimal("400")}

    world.at("2026-02-20T09:00")
    seat = world.crm.product("Seat", currencies=["USD"])
    quote = sell(
        world.crm, [(seat, 2, "50.00", {})], account=account, Start_Date__c="2026-01-25", Term_Months__c=12,
        Billing_Frequency__c="Monthly", Collection_Method__c="Charge Automatically",
    )  # fmt: skip
    die_after_creating("invoiceitem", tandem)
    world.at("2026-02-20T09:10")
    settled(tandem)

    # Of 10 January: 16 of 31 days; of 10 February: all of it. The annual invoice is open: 350 of 365 days less is due.
    [first] = [i for i in world.stripe.all("invoices") if i["metadata"].get("tandem_deal")]
    assert (first["total"], first["status"]) == (0, "paid")
    lowered = world.stripe.get(f"invoices/{annual['latest_invoice']}")
    assert lowered["amount_remaining"] == 480_000 - 460_274
    balance = -world.stripe.get(f"customers/{customer}")["balance"]
    assert balance == 19_500 + 10_065 - 10_000
    [live] = _live(world)
    preview = quote_row(world, quote)["Billing_Preview__c"]
    for words in ("100.00 USD, which leaves 0.00 USD", "195.65 USD more", "lowered by 4,602.74 USD"):
        assert words in preview
    after = _rows(world)
    assert {key: row["Id"] for key, row in after.items()} == {key: row["Id"] for key, row in before.items()}
    oldest = min((monthly, annual), key=lambda s: (s["start_date"], s["created"], s["id"]))["id"]
    mine, other = after.pop(oldest), next(iter(r for k, r in _rows(world).items() if k != oldest))
    assert (mine["Channel__c"], mine["Status__c"], mine["MRR__c"], mine["Quote__c"]) == (
        "Sales-Led", "Active", Decimal("100"), quote,
    )  # fmt: skip
    assert (other["Channel__c"], other["Status__c"], other["MRR__c"]) == ("Self-Serve", "Canceled", 0)

    # What is bought on the web site afterwards is a plan of its own, and the row is amended like any deal's.
    extra = _plan(world, customer, 1_000, "month")
    row = world.crm.row("Billing_Subscription__c", "Id Currency__c", f"Billing_Key__c = '{oldest}'")
    amendment = world.crm.quote(
        "More seats", account, "USD", [(seat, 3, "50.00", {})],
        Quote_Type__c="Amendment", Billing_Subscription__c=row["Id"], Start_Date__c="2026-03-25",
    )  # fmt: skip
    world.crm.accept(amendment)
    settled(tandem)
    assert quote_row(world, amendment)["Billing_Status__c"] == "Scheduled"
    assert "Takes over" not in quote_row(world, amendment)["Billing_Preview__c"]
    world.at("2026-03-25T02:00")
    settled(tandem)
    assert set(_live(world)) == {live, extra["id"]}
    assert (_rows(world)[oldest]["Quantity__c"], _rows(world)[oldest]["Quote__c"]) == (5, quote)
    _agrees(tandem)
    changes_nothing(tandem)


def test_a_plan_goes_on_until_the_deal_begins_and_is_given_back_by_what_it_is_then(
    world: World, tandem: Tandem
) -> None:
    world.at("2026-06-10")
    account = _account(world)
    plan = world.stripe.sign_up("Birch", "ops@birch.example", seats=5, card="pm_card_visa")
    own = world.stripe.post("subscription_schedules", from_subscription=plan["id"])
    settled(tandem)
    seat = world.crm.product("Seat", currencies=["USD"])
    quote = world.crm.quote(
        "Birch", account, "USD", [(seat, 50, "99.00", {})], Start_Date__c="2026-07-25", Term_Months__c=12,
        Billing_Frequency__c="Monthly", Trial_Days__c=5, Billing_Request__c="Check",
    )  # fmt: skip
    mark = world.mark()
    settled(tandem)
    assert "100.65 USD, which leaves 4,849.35 USD" in quote_row(world, quote)["Billing_Preview__c"]
    assert world.writes(mark, "stripe") == []
    world.crm.accept(quote)
    settled(tandem)
    old = world.stripe.get(f"subscriptions/{plan['id']}")
    assert (old["cancel_at"], old["metadata"]) == (None, {"tandem_taken_by": quote})
    _agrees(tandem)

    world.at("2026-07-10T02:00")  # its last cycle has begun
    settled(tandem)
    old = world.stripe.get(f"subscriptions/{plan['id']}")
    assert (old["cancel_at"], old["schedule"]) == (seconds("2026-07-25"), None)
    assert world.stripe.get(f"subscription_schedules/{own['id']}")["status"] == "released"
    item = old["items"]["data"][0]["id"]
    world.stripe.post(f"subscription_items/{item}", quantity=9, proration_behavior="always_invoice")
    world.at("2026-07-25T00:10")
    settled(tandem)
    assert len(_live(world)) == 1
    [row] = _rows(world).values()
    assert (row["Status__c"], row["Channel__c"], row["MRR__c"]) == ("Trialing", "Sales-Led", 0)

    world.at("2026-07-30T00:10")  # the first invoice is Stripe's draft, for an hour
    settled(tandem)
    world.at("2026-07-30T02:00")
    settled(tandem)
    first = world.stripe.all("invoices", subscription=_live(world)[0])[0]
    # 16 of 31 days of five seats, and of the four more: 19,500 and 35,100 - 19,500, each line rounded.
    credits = sorted(line["amount"] for line in first["lines"]["data"] if line["amount"] < 0)
    assert (credits, first["total"]) == ([-10_065, -8_051], 495_000 - 18_116)
    assert first["status"] == "open"
    [row] = _rows(world).values()
    assert (row["Status__c"], row["MRR__c"], row["End_Date__c"]) == ("Active", Decimal("4950"), "2027-07-29")
    _agrees(tandem)
    changes_nothing(tandem)


@pytest.mark.parametrize("kept_by", ["released at once", "told to let go at its end"])
def test_a_deal_whose_subscription_is_kept_goes_on_as_self_serve_until_the_next_deal_takes_it_over(
    world: World, tandem: Tandem, kept_by: str
) -> None:
    world.at("2026-01-10")
    account = _account(world)
    seat = world.crm.product("Seat", currencies=["USD"])
    terms = {"Billing_Frequency__c": "Monthly", "Days_Until_Due__c": 60}
    deal = sell(
        world.crm, [(seat, 3, "50.00", {})], account=account, Start_Date__c="2026-02-01", Term_Months__c=2, **terms
    )
    settled(tandem)
    world.at("2026-02-20")
    [schedule] = world.stripe.all("subscription_schedules")
    path = f"subscription_schedules/{schedule['id']}"
    if kept_by == "released at once":
        world.stripe.post(f"{path}/release")
    else:
        world.stripe.post(path, end_behavior="release")
    tandem.drain()
    assert quote_row(world, deal)["Billing_Code__c"] == "DATA-219"  # whoever let go of it is told

    world.at("2026-04-01T02:00")
    settled(tandem)
    world.at("2026-04-10")
    settled(tandem)
    assert (quote_row(world, deal)["Billing_Status__c"], quote_row(world, deal)["Billing_Code__c"]) == ("Ended", None)
    [row] = world.crm.rows("Billing_Subscription__c", ROW)
    assert (row["Channel__c"], row["Status__c"], row["MRR__c"]) == ("Self-Serve", "Active", Decimal("150"))
    assert (row["End_Date__c"], row["Ends_On__c"]) == ("2026-03-31", None)
    assert [(i["total"], i["status"]) for i in world.stripe.all("invoices")] == [(15_000, "open")] * 3
    _agrees(tandem)

    new = sell(
        world.crm, [(seat, 10, "40.00", {})], account=account, Start_Date__c="2026-04-11", Term_Months__c=12, **terms
    )
    settled(tandem)
    world.at("2026-04-11T00:10")
    settled(tandem)
    world.at("2026-04-11T02:00")
    settled(tandem)
    [live] = _live(world)
    [first] = world.stripe.all("invoices", subscription=live)
    kept = next(i for i in world.stripe.all("invoices") if i["created"] == seconds("2026-04-01"))
    # Nobody paid the invoice of April: 20 of its 30 days are taken off what it asks for.
    assert (first["total"], first["amount_due"]) == (40_000, 40_000)
    assert (kept["total"], kept["amount_remaining"]) == (15_000, 5_000)
    rows = {row["Quote__c"]: row for row in world.crm.rows("Billing_Subscription__c", ROW)}
    assert (rows[deal]["Status__c"], rows[deal]["MRR__c"]) == ("Canceled", 0)
    assert (rows[new]["Status__c"], rows[new]["Channel__c"], rows[new]["MRR__c"]) == ("Active", "Sales-Led", 400)
    _agrees(tandem)
    changes_nothing(tandem)


def test_a_first_invoice_that_was_sent_before_anybody_looked_is_lowered(world: World, tandem: Tandem) -> None:
    world.at("2026-06-10")
    account = _account(world)
    world.stripe.sign_up("Birch", "ops@birch.example", seats=5, card="pm_card_visa")
    seat = world.crm.product("Seat", currencies=["USD"])
    quote = sell(
        world.crm, [(seat, 50, "99.00", {})], account=account, Start_Date__c="2026-06-25", Term_Months__c=12,
        Billing_Frequency__c="Monthly",
    )  # fmt: skip
    settled(tandem)
    world.at("2026-06-25T12:00")  # in one jump past the hour in which it is a draft
    settled(tandem)

    first = world.stripe.all("invoices")[0]
    assert (first["total"], first["amount_due"], first["status"]) == (495_000, 485_250, "open")
    assert quote_row(world, quote)["First_Invoice_Amount__c"] == Decimal("4852.5")
    assert len(_live(world)) == 1
    _agrees(tandem)
    changes_nothing(tandem)


def test_seats_that_were_added_last_week_are_billed_until_the_deal_begins(world: World, tandem: Tandem) -> None:
    world.at("2026-06-10")
    account = _account(world)
    plan = world.stripe.sign_up("Birch", "ops@birch.example", seats=5, card="pm_card_visa")
    world.at("2026-06-20")
    more = {"quantity": 9, "proration_behavior": "create_prorations"}
    world.stripe.post(f"subscription_items/{plan['items']['data'][0]['id']}", form=more)
    world.at("2026-06-25")
    seat = world.crm.product("Seat", currencies=["USD"])
    terms = {"Start_Date__c": "2026-06-25", "Term_Months__c": 12, "Billing_Frequency__c": "Monthly"}
    checked = world.crm.quote("Birch", account, "USD", [(seat, 50, "99.00", {})], Billing_Request__c="Check", **terms)
    settled(tandem)
    preview = quote_row(world, checked)["Billing_Preview__c"]
    assert f"Pending on {plan['id']}, and invoiced when it ends, 25 Jun 2026: 104.00 USD" in preview
    assert "175.50 USD, which leaves 4,774.50 USD" in preview
    world.crm.accept(checked)
    settled(tandem)
    world.at("2026-06-25T12:00")
    settled(tandem)

    assert world.stripe.all("invoiceitems", pending="true") == []
    assert "175.50 USD, which leaves 4,774.50 USD" in quote_row(world, checked)["Billing_Preview__c"]
    bills = {i["total"] for i in world.stripe.all("invoices")}
    # 4 seats from the 20th to 10 July, 10,400, of which 15 of 20 days are given back with half of the first invoice
    assert bills == {19_500, 10_400, 495_000 - 9_750 - 7_800}
    assert len(_live(world)) == 1
    _agrees(tandem)
    changes_nothing(tandem)


def test_what_is_pending_of_a_plan_is_billed_once_and_given_back_as_foreseen(world: World, tandem: Tandem) -> None:
    world.at("2026-06-10")
    stripe, seat = world.stripe, world.crm.product("Seat", currencies=["USD"])
    plans, quotes, whose = {}, {}, ("scheduled", "sent", "fewer", "by use")
    for who in whose:
        email = f"ops@{who.replace(' ', '-')}.example"
        world.crm.create("Account", Name=who, Website=email.partition("@")[2], Billing_Email__c=email)
        if who == "sent":
            customer = stripe.post("customers", name=who, email=email)["id"]
            sent = {"collection_method": "send_invoice", "days_until_due": 14, "items[0][quantity]": 5}
            plans[who] = _plan(world, customer, 3_900, "month", **sent)
        else:
            plans[who] = stripe.sign_up(who, email, seats=5, card="pm_card_visa")
    stripe.post("subscription_schedules", from_subscription=plans["scheduled"]["id"])
    counted = {"display_name": "Call", "event_name": "call", "default_aggregation[formula]": "sum"}
    by_use = {"recurring[usage_type]": "metered", "recurring[meter]": stripe.post("billing/meters", form=counted)["id"]}
    call = {"product": stripe.post("products", name="Call")["id"], "currency": "usd", "unit_amount": 10}
    price = stripe.post("prices", form={**call, "recurring[interval]": "month", **by_use})["id"]
    added = {"subscription": plans["by use"]["id"], "price": price, "proration_behavior": "none"}
    stripe.post("subscription_items", form=added)
    settled(tandem)
    world.at("2026-06-20")
    for who, plan in plans.items():
        item = plan["items"]["data"][0]["id"]
        changed = {"quantity": 2 if who == "fewer" else 9, "proration_behavior": "create_prorations"}
        stripe.post(f"subscription_items/{item}", form=changed)
    used = {"payload[stripe_customer_id]": plans["by use"]["customer"], "payload[value]": 50}
    stripe.post("billing/meter_events", form={"event_name": "call", "timestamp": seconds("2026-06-20"), **used})
    world.at("2026-06-25T09:00")
    for who in whose:
        account = world.crm.row("Account", "Id", f"Name = '{who}'")["Id"]
        quotes[who] = world.crm.quote(
            who, account, "USD", [(seat, 50, "9.00", {})], Billing_Request__c="Check", Term_Months__c=2,
            Billing_Frequency__c="Monthly", Start_Date__c="2026-06-24" if who == "by use" else "2026-06-25",
        )  # fmt: skip
    settled(tandem)
    foreseen = {who: quote_row(world, quote)["Billing_Preview__c"] for who, quote in quotes.items()}
    for quote in quotes.values():
        world.crm.accept(quote)
    settled(tandem)
    world.at("2026-06-25T12:00")
    settled(tandem)

    # 5 seats at 39.00 from the 10th, 4 more or 3 fewer from the 20th: 104.00 or -78.00. Unused are 15 of 30 days (16 by
    # use) of what was billed, and of 450.00 so much is less.
    expected = {
        "scheduled": ("175.50 USD, which leaves 274.50 USD", [10_400, 19_500, 27_450]),
        "sent": ("78.00 USD, which leaves 372.00 USD", [10_400, 19_500, 37_200]),
        "fewer": ("39.00 USD, which leaves 411.00 USD", [-7_800, 19_500, 41_100]),
        "by use": ("187.20 USD, which leaves 262.80 USD", [500, 10_400, 19_500, 26_280]),
    }
    for who, (words, bills) in expected.items():
        assert words in foreseen[who], who
        row = quote_row(world, quotes[who])
        assert (row["Billing_Preview__c"], row["Billing_Status__c"]) == (foreseen[who], "Live"), who
        found = stripe.all("invoices", customer=plans[who]["customer"])
        assert sorted(i["total"] for i in found) == bills, who
        assert f"which leaves {row['First_Invoice_Amount__c']:,.2f} USD" in words, who
    assert "open invoices are lowered by 97.50 USD" in foreseen["sent"]
    [lowered] = stripe.all("credit_notes")
    assert (lowered["total"], lowered["invoice"]) == (9_750, plans["sent"]["latest_invoice"])
    assert "put to the customer's balance when it ends, 25 Jun 2026: 78.00 USD" in foreseen["fewer"]
    assert world.stripe.all("invoiceitems", pending="true") == []
    assert len(_live(world)) == len(whose)
    _agrees(tandem)
    changes_nothing(tandem)


def test_what_was_used_of_a_plan_until_the_deal_begins_is_billed_to_the_unit(
    world: World, make_tandem: Callable[..., Tandem]
) -> None:
    tandem = make_tandem(lease_s=4.0, call_deadline_s=3.0)  # who is killed is soon known to be gone
    world.at("2026-06-10T14:23:45")  # a plan begins at any second, a meter counts by the minute
    account = _account(world)
    customer = world.stripe.post("customers", name="Birch", email="ops@birch.example")["id"]
    method = world.stripe.post("payment_methods/pm_card_visa/attach", customer=customer)["id"]
    world.stripe.post(f"customers/{customer}", form={"invoice_settings[default_payment_method]": method})
    counted = {"display_name": "Call", "event_name": "call", "default_aggregation[formula]": "sum"}
    meter = world.stripe.post("billing/meters", form=counted)["id"]
    tiers = {
        "tiers[0][up_to]": "100",
        "tiers[0][unit_amount]": 10,
        "tiers[1][up_to]": "inf",
        "tiers[1][unit_amount]": 5,
    }
    by_use = {"recurring[usage_type]": "metered", "recurring[meter]": meter, "billing_scheme": "tiered"}
    price = world.stripe.post(
        "prices", form={
            "product": world.stripe.post("products", name="Call")["id"], "currency": "usd",
            "recurring[interval]": "month", "tiers_mode": "graduated", **by_use, **tiers,
        },
    )["id"]  # fmt: skip
    plan = world.stripe.post("subscriptions", form={"customer": customer, "items[0][price]": price})["id"]

    def used(many: int, at: str) -> None:
        payload = {"payload[stripe_customer_id]": customer, "payload[value]": many}
        world.stripe.post("billing/meter_events", form={"event_name": "call", "timestamp": seconds(at), **payload})

    world.at("2026-07-10T14:23:44")
    used(200, "2026-07-10T14:23:44")
    world.at("2026-07-12T09:00")
    used(40, "2026-07-10T14:23:50")
    used(110, "2026-07-11T23:59:59")
    used(10, "2026-07-12T00:00:00")
    waits = {"customer": customer, "amount": 700, "currency": "usd", "description": "Set-up of a line"}
    world.stripe.post("invoiceitems", form={**waits, "subscription": plan})
    seat, call = (world.crm.product(name, currencies=["USD"], **kind) for name, kind in (
        ("Seat", {}), ("Call", {"charge": "Usage", "period": None}),
    ))  # fmt: skip
    world.crm.change("Product2", call["id"], Meter_Event__c="call")
    quote = sell(
        world.crm, [(seat, 50, "99.00", {}), (call, 1, "2.00", {})], account=account, Start_Date__c="2026-07-12",
        Term_Months__c=12, Billing_Frequency__c="Monthly",
    )  # fmt: skip
    die_after_creating("invoice", tandem)
    settled(tandem)
    assert "What is used of Call until 11 Jul 2026 is billed" in quote_row(world, quote)["Billing_Preview__c"]
    world.at("2026-07-12T12:00")
    settled(tandem)
    world.at("2026-08-12T02:00")
    settled(tandem)

    invoices = sorted(world.stripe.all("invoices"), key=lambda i: (i["created"], -i["total"]))
    # by hand: 200 are 100 at 0.10 and 100 at 0.05, the 150 of the second cycle 100 at 0.10 and 50 at 0.05
    assert [i["total"] for i in invoices] == [1_500, 495_000, 700, 1_250, 495_000 + 10 * 200]
    assert world.stripe.all("invoiceitems", pending="true") == []
    assert len(_live(world)) == 1
    _agrees(tandem)
    changes_nothing(tandem)


def test_a_plan_goes_on_beside_a_service_sold_alone_and_a_deal_that_was_over_before_it_began(
    world: World, tandem: Tandem
) -> None:
    world.at("2026-04-10T09:00")
    account = _account(world)
    world.stripe.sign_up("Birch", "ops@birch.example", seats=5, card="pm_card_visa")
    settled(tandem)
    seat = world.crm.product("Seat", currencies=["USD"])
    training = world.crm.product("Training", currencies=["USD"], charge="One-Time", period=None)
    service = sell(world.crm, [(training, 1, "900.00", {})], account=account, Start_Date__c="2026-04-12")
    quarter = {"Start_Date__c": "2026-01-01", "Term_Months__c": 3, "Billing_Frequency__c": "Monthly"}
    past = sell(world.crm, [(seat, 2, "50.00", {})], account=account, **quarter)
    settled(tandem)
    world.at("2026-04-20T09:00")
    settled(tandem)
    assert sorted(i["total"] for i in world.stripe.all("invoices")) == [19_500, 30_000, 90_000]
    assert (len(_live(world)), world.stripe.all("credit_notes")) == (1, [])
    rows = {key: (row["Channel__c"], row["Status__c"], row["MRR__c"]) for key, row in _rows(world).items()}
    assert {rows.pop(service), rows.pop(past)} == {("Sales-Led", "Canceled", 0)}
    assert list(rows.values()) == [("Self-Serve", "Active", 195)]
    _agrees(tandem)
    changes_nothing(tandem)


def test_a_plan_that_its_customer_ends_before_the_deal_begins_is_the_deals_row_all_the_same_and_so_is_the_next_one(
    world: World, tandem: Tandem
) -> None:
    world.at("2026-01-10")
    account = _account(world)
    seat = world.crm.product("Seat", currencies=["USD"])
    terms = {"Term_Months__c": 2, "Billing_Frequency__c": "Monthly", "Days_Until_Due__c": 90}
    plan = world.stripe.sign_up("Birch", "ops@birch.example", seats=5, card="pm_card_visa")
    settled(tandem)
    first = sell(world.crm, [(seat, 2, "10.00", {})], account=account, Start_Date__c="2026-02-01", **terms)
    settled(tandem)
    world.at("2026-01-15")
    world.stripe._http.delete(f"{world.stripe._base}/v1/subscriptions/{plan['id']}").raise_for_status()
    settled(tandem)
    [row] = _rows(world).values()
    assert (row["Billing_Key__c"], row["Quote__c"], row["Status__c"]) == (plan["id"], first, "Scheduled")
    world.at("2026-02-01T02:00")
    settled(tandem)
    [row] = _rows(world).values()
    assert (row["Channel__c"], row["Status__c"], row["MRR__c"]) == ("Sales-Led", "Active", Decimal(20))
    _agrees(tandem)

    world.at("2026-04-02T02:00")  # the deal is over, and its customer buys again in the portal
    settled(tandem)
    form = {"customer": plan["customer"], "items[0][price]": plan["items"]["data"][0]["price"]["id"]}
    again = world.stripe.post("subscriptions", form=form)["id"]
    settled(tandem)
    rows = _rows(world)
    assert (rows[plan["id"]]["Channel__c"], rows[plan["id"]]["Status__c"]) == ("Sales-Led", "Canceled")
    assert (rows[again]["Channel__c"], rows[again]["Status__c"], rows[again]["MRR__c"]) == ("Self-Serve", "Active", 39)
    second = sell(world.crm, [(seat, 7, "10.00", {})], account=account, Start_Date__c="2026-04-17", **terms)
    settled(tandem)
    world.at("2026-04-17T00:10")
    settled(tandem)
    world.at("2026-04-17T02:00")
    settled(tandem)
    after = _rows(world)
    assert {key: row["Id"] for key, row in after.items()} == {key: row["Id"] for key, row in rows.items()}
    assert (after[plan["id"]]["Quote__c"], after[again]["Quote__c"]) == (first, second)
    assert (after[again]["Channel__c"], after[again]["MRR__c"]) == ("Sales-Led", Decimal(70))
    [live] = _live(world)
    [invoice] = world.stripe.all("invoices", subscription=live)
    assert invoice["total"] == 7_000 - 1_961  # 15 days and 2 hours of 30 days, of 39.00
    _agrees(tandem)
    changes_nothing(tandem)


def test_a_deal_that_waits_for_its_day_gives_back_once_what_it_took_over(world: World, tandem: Tandem) -> None:
    """Its first invoice is made at the second at which it begins, before there is a subscription."""
    world.at("2026-04-10")
    account = _account(world)
    world.stripe.sign_up("Birch", "ops@birch.example", seats=5, card="pm_card_visa")
    settled(tandem)
    world.at("2026-04-20")
    seat = world.crm.product("Seat", currencies=["USD"])
    quote = sell(
        world.crm, [(seat, 10, "50.00", {})], account=account, Start_Date__c="2026-04-30", Term_Months__c=12,
        Billing_Frequency__c="Monthly", Billing_Day__c=31,
    )  # fmt: skip
    settled(tandem)
    for day in ("2026-04-30", "2026-05-31T02:00", "2026-06-30T02:00"):
        world.at(day)
        settled(tandem)
        everything_due(tandem)
        settled(tandem)
        assert quote_row(world, quote)["Billing_Code__c"] is None
    # 10 of 30 days of 195.00 are given back, on the first invoice.
    assert [i["total"] for i in world.stripe.all("invoices")] == [50_000, 50_000, 50_000 - 6_500, 19_500]
    assert {c["balance"] for c in world.stripe.all("customers")} == {0}
    _agrees(tandem)
