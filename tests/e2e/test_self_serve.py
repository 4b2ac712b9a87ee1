"""Customers who bought on the web site: who they are in the CRM, and what happens when their Account goes."""

from __future__ import annotations

from collections.abc import Callable

from tests.e2e.looks import changes_nothing, everything_due, settled, shown_invoices
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem


def test_an_account_of_ours_has_one_contact_and_never_a_second(
    world: World, make_tandem: Callable[..., Tandem]
) -> None:
    world.at("2026-03-05")
    world.stripe.sign_up("Ada Lovelace", "ada@birch.example", seats=5, card="pm_card_visa")
    tandem = make_tandem(self_serve_accounts="create", self_serve_account_fields={"Industry": "Technology"})

    settled(tandem)

    account = world.crm.row("Account", "Id Name Billing_Email__c Industry")
    assert (account["Name"], account["Billing_Email__c"]) == ("Ada Lovelace", "ada@birch.example")
    assert account["Industry"] == "Technology"  # as this org requires
    contact = world.crm.row("Contact", "FirstName LastName Email AccountId")
    assert contact == {
        "FirstName": "Ada", "LastName": "Lovelace", "Email": "ada@birch.example", "AccountId": account["Id"],
    }  # fmt: skip
    changes_nothing(tandem)
    assert len(world.crm.rows("Contact", "Id")) == 1

    # A namesake with another e-mail: the org's duplicate rule stops a second Account, until the user is exempt from it.
    world.switch("settings", duplicate_rules=True)
    other = world.stripe.sign_up("Ada Lovelace", "ada@elm.example", seats=1, card="pm_card_visa")["customer"]
    [(subject, code, words)] = tandem.drain().failed
    assert (subject, code) == (f"customer:{other}", "CONF-303")
    assert "Salesforce treats our Account as a duplicate: Use one of these records?" in words
    assert len(world.crm.rows("Contact", "Id")) == 1
    world.switch("settings", duplicate_rules=False)
    everything_due(tandem)
    settled(tandem)
    assert len(world.crm.rows("Account", "Id")) == 2


def test_rows_of_a_deleted_account_stop_with_one_code_and_follow_once_it_is_back(world: World, tandem: Tandem) -> None:
    world.at("2026-03-05")
    account = world.crm.create(
        "Account", Name="Birch", Website="https://birch.example", Billing_Email__c="ops@birch.example"
    )
    world.stripe.sign_up("Birch", "ops@birch.example", seats=5, card="pm_card_visa")
    settled(tandem)
    assert len(shown_invoices(world)) == 1

    world.crm.delete("Account", account)
    world.at("2026-04-05T02:00")
    tandem.drain()

    assert {code for _, code, _ in tandem.services.outbox.failed_rows()} == {"DATA-223"}
    before = world.mark()
    tandem.drain()
    assert [
        e.path for e in world.log(before) if e.by_tandem and e.method in ("POST", "PATCH") and _carries(e.params)
    ] == []

    world.switch("undelete", id=account)
    settled(tandem)

    assert [i["Status__c"] for i in shown_invoices(world)] == ["Paid", "Paid"]
    assert len(world.crm.rows("Billing_Payment__c", "Id")) == 2
    changes_nothing(tandem)


def _carries(params: object) -> bool:
    """Whether a call has rows to write."""
    parts = params.get("compositeRequest", []) if isinstance(params, dict) else []
    return any(part["method"] == "PATCH" for part in parts)


def test_whatever_a_customer_does_on_the_web_site_shows_within_one_run(
    world: World, make_tandem: Callable[..., Tandem]
) -> None:
    world.at("2026-03-05")
    plan = world.stripe.sign_up("Birch", "ops@birch.example", seats=5, card="pm_card_visa")
    sub = f"subscriptions/{plan['id']}"
    item = plan["items"]["data"][0]["id"]
    tandem = make_tandem(self_serve_accounts="create")

    def shows(**expected: object) -> None:
        """The one row has these values after one run."""
        settled(tandem)
        row = world.crm.row("Billing_Subscription__c", " ".join(f"{name}__c" for name in expected))
        assert row == {f"{name}__c": value for name, value in expected.items()}

    shows(Status="Active", Channel="Self-Serve", Quantity=5, MRR=195, Ends_On=None, Contracted_MRR=195)
    world.stripe.post(f"subscription_items/{item}", quantity=8)
    shows(Status="Active", Quantity=8, MRR=312, Contracted_MRR=312)
    asked_for = world.stripe.post("invoices/create_preview", customer=plan["customer"], subscription=plan["id"])
    next_ = world.crm.row("Account", "Next_Invoice_Amount__c")["Next_Invoice_Amount__c"]
    assert (asked_for["total"], next_) == (42_900, 429), "three seats more, of this month and of the next"
    world.stripe.post(sub, form={"pause_collection[behavior]": "void"})
    shows(Status="Paused", MRR=0)
    world.stripe.post(sub, form={"pause_collection": ""})
    shows(Status="Active", MRR=312)
    world.stripe.post(sub, cancel_at_period_end="true")
    shows(Status="Active", Ends_On="2026-04-04", MRR=312, Contracted_MRR=0)
    world.stripe.post(sub, cancel_at_period_end="false")
    shows(Status="Active", Ends_On=None, Contracted_MRR=312)
    team = world.stripe.post("products", name="Team (web)")["id"]
    terms = {"product": team, "currency": "usd", "unit_amount": 5900, "recurring[interval]": "month"}
    price = world.stripe.post("prices", form=terms)["id"]
    world.stripe.post(
        sub,
        form={"items[0][id]": item, "items[0][price]": price, "items[0][quantity]": 3, "proration_behavior": "none"},
    )
    shows(Status="Active", Quantity=3, MRR=177)
    items = world.crm.rows("Billing_Subscription_Item__c", "Quantity__c Unit_Amount__c MRR__c", order="MRR__c")
    assert [tuple(row.values()) for row in items] == [(0, 39, 0), (3, 59, 177)]
    account = "Billing_Channel__c Billing_Health__c MRR__c Payment_Method__c"
    assert world.crm.row("Account", account) == {
        "Billing_Channel__c": "Self-Serve", "Billing_Health__c": "Good", "MRR__c": 177,
        "Payment_Method__c": "visa •••• 4242, 12/2029",
    }  # fmt: skip
    world.stripe._http.delete(f"{world.stripe._base}/v1/{sub}").raise_for_status()
    shows(Status="Canceled", Ends_On="2026-03-05", MRR=0, Contracted_MRR=0)
    assert world.crm.row("Account", account)["Billing_Health__c"] == "Canceled"
    # The same customer comes back, on trial, to seats by tiers: a row of its own, on the same Account.
    tiers = {
        "product": team, "currency": "usd", "recurring[interval]": "month", "billing_scheme": "tiered", "tiers_mode": "graduated",
        "tiers[0][up_to]": 5, "tiers[0][unit_amount]": 1000,
        "tiers[1][up_to]": "inf", "tiers[1][unit_amount]": 800, "tiers[1][flat_amount]": 500,
    }  # fmt: skip
    steps = world.stripe.post("prices", form=tiers)["id"]
    form = {"customer": plan["customer"], "items[0][price]": steps, "items[0][quantity]": 8, "trial_period_days": 14}
    world.stripe.post("subscriptions", form=form)
    for day, status, worth in (("2026-03-05T12:00", "Trialing", 0), ("2026-03-19T14:00", "Active", 79)):
        world.at(day)
        settled(tandem)
        rows = world.crm.rows(
            "Billing_Subscription__c", "Status__c MRR__c Contracted_MRR__c", order="Contracted_MRR__c"
        )
        assert [tuple(row.values()) for row in rows] == [("Canceled", 0, 0), (status, worth, 79)]
    assert len(world.crm.rows("Account", "Id")) == 1
    changes_nothing(tandem)


def test_an_account_that_comes_after_its_customer_finds_them_within_one_run(world: World, tandem: Tandem) -> None:
    world.at("2026-03-05")
    world.stripe.sign_up("Elm", "ap@elm.example", seats=3, card="pm_card_visa")
    typed = world.stripe.sign_up("Oak", "ap@oak.example", seats=1, card="pm_card_visa")["customer"]
    elsewhere = world.crm.create("Account", Name="Oak Holding")
    settled(tandem)
    assert shown_invoices(world) == []

    late = world.crm.create("Account", Name="Elm", Website="elm.example")
    settled(tandem)
    world.crm.change("Account", late, Billing_Email__c="AP@elm.example")
    world.crm.change("Account", elsewhere, Stripe_Customer_Id__c=typed)
    settled(tandem)

    rows = world.crm.rows("Billing_Subscription__c", "Account__c MRR__c", order="MRR__c")
    assert [tuple(row.values()) for row in rows] == [(elsewhere, 39), (late, 117)]
    assert len(shown_invoices(world)) == 2
    changes_nothing(tandem)
