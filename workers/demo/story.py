"""The plot of the demo: what reps, customers and operators do, and how Tandem answers each time."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from workers.demo.actors import DemoFailed
from workers.demo.stage import Stage

SIGNED, STARTS, BILLED = "2026-01-15T09:00:00Z", "2026-02-01T00:00:00Z", "2026-02-01T02:00:00Z"
RENEWED = "2026-02-20T12:00:00Z"


@dataclass
class Told:
    """What happened: quote ids by their role, and how many writes the second pass made."""

    quotes: dict[str, str] = field(default_factory=dict)
    second_pass: int = -1


def tell(here: Stage) -> Told:
    """The whole story, act by act. Raises DemoFailed when Tandem answers otherwise than it must."""
    told = Told()
    here.control.move_clock(SIGNED)
    _customers_of_the_web_site(here)
    _quotes(here, told)
    _fixed_by_a_rep(here, told)
    _fixed_by_operations(here, told)
    _billing(here)
    return told


def _customers_of_the_web_site(here: Stage) -> None:
    here.say("Two customers buy on the web site, directly in Stripe (one has a card that will fail next month)")
    here.stripe.sign_up("Willow Studio", "hello@willow.example", seats=5, card="pm_card_visa")
    failing = here.stripe.sign_up("Xenon Labs", "billing@xenon.example", seats=8, card="pm_card_visa")
    bad = here.stripe.post(
        "payment_methods/pm_card_chargeDeclinedInsufficientFunds/attach", customer=failing["customer"]
    )
    here.stripe.post(f"customers/{failing['customer']}", form={"invoice_settings[default_payment_method]": bad["id"]})


def _quotes(here: Stage, told: Told) -> None:
    here.say("Reps get seven quotes accepted in Salesforce")
    crm = here.crm
    seats = crm.product("Pro seats", currencies=["USD", "EUR"])
    setup = crm.product("Implementation", currencies=["USD"], charge="One-Time", period=None)
    yen = crm.product("Seats (Japan)", currencies=["JPY"])
    blank = crm.product("Fin Resolutions", currencies=["USD"], charge=None, period=None)
    acme = crm.create("Account", Name="Acme Ltd", Billing_Email__c="ap@acme.example", Website="https://acme.example")
    birch = crm.create("Account", Name="Birch GmbH", Billing_Email__c="rechnung@birch.example")
    cedar = crm.create("Account", Name="Cedar KK", Billing_Email__c="keiri@cedar.example")
    dune = crm.create("Account", Name="Dune Inc")
    term = {"Start_Date__c": "2026-02-01", "Term_Months__c": 12}
    monthly, quarterly = term | {"Billing_Frequency__c": "Monthly"}, term | {"Billing_Frequency__c": "Quarterly"}
    yearly = term | {"Billing_Frequency__c": "Annual", "Days_Until_Due__c": 30}
    told.quotes["Acme"] = crm.quote(
        "Acme",
        acme,
        "USD",
        [(seats, 25, "49.00", {}), (setup, 1, "2500.00", {})],
        **monthly,
        Days_Until_Due__c=45,
        PO_Number__c="PO-2291",
    )
    told.quotes["Birch"] = crm.quote("Birch", birch, "EUR", [(seats, 40, "45.00", {"Discount": 15})], **yearly)
    told.quotes["Cedar"] = crm.quote("Cedar", cedar, "JPY", [(yen, 12, "5200", {})], **quarterly)
    told.quotes["Dune"] = crm.quote("Dune", dune, "USD", [(seats, 10, "52.00", {})], **monthly)
    for name in ("Elm", "Fir", "Gum"):
        account = crm.create("Account", Name=f"{name} Corp", Billing_Email__c=f"ap@{name.lower()}.example")
        told.quotes[name] = crm.quote(name, account, "USD", [(blank, 100, "0.99", {})], **monthly)
    told.quotes["blank product"] = blank["id"]
    crm.accept(*(q for name, q in told.quotes.items() if name != "blank product"))
    answer = here.drain("Tandem reads both sides and bills what it can")
    _expect({code for _, code, _ in answer.failed} == {"DATA-201", "CONF-301"}, f"unexpected failures: {answer.failed}")


def _fixed_by_a_rep(here: Stage, told: Told) -> None:
    row = here.crm.query(
        f"SELECT Billing_Status__c, Billing_Code__c, Billing_Message__c FROM Quote WHERE Id = '{told.quotes['Dune']}'"
    )[0]
    here.say("Dune's quote can't be billed, and its own record says why:")
    here.console.print(f"  {row['Billing_Status__c']} ({row['Billing_Code__c']}): {row['Billing_Message__c']}")
    here.say("The rep fills in the e-mail on the Account; nothing else")
    account = here.crm.query(f"SELECT AccountId FROM Quote WHERE Id = '{told.quotes['Dune']}'")[0]["AccountId"]
    here.crm.change("Account", account, Billing_Email__c="ap@dune.example")
    answer = here.drain("The deal goes on by itself")
    _expect({code for _, code, _ in answer.failed} == {"CONF-301"}, "Dune's quote did not go on by itself")


def _fixed_by_operations(here: Stage, told: Told) -> None:
    here.say("Three quotes wait for one gap: the product says nothing about how it is charged. Operations look:")
    here.typed("failures")
    here.say("They complete the product, rehearse, and replay what was rehearsed")
    here.crm.change("Product2", told.quotes["blank product"], Charge_Type__c="Recurring", Price_Period__c="Month")
    rehearsed = re.search(r"--plan (\w+)", here.typed("replay", "--code", "CONF-301"))
    _expect(rehearsed is not None, "the rehearsal names no plan")
    assert rehearsed is not None
    here.typed("replay", "--code", "CONF-301", "--apply", "--plan", rehearsed[1])
    answer = here.drain("All three are put right")
    _expect(not answer.failed, f"still failing: {answer.failed}")


def _billing(here: Stage) -> None:
    here.say("Time passes: 1 February 2026. Stripe bills the deals, and the web site's customers renew")
    here.control.move_clock(BILLED)
    here.drain("Invoices reach the records that reps read")
    here.say("Acme pays its invoice; time goes on and a renewal on a card fails")
    acme = next(i for i in here.stripe.all("invoices", status="open") if i["customer_name"] == "Acme Ltd")
    here.stripe.post(f"invoices/{acme['id']}/pay", paid_out_of_band="true")
    here.control.move_clock(RENEWED)
    here.drain("The payment and the failed attempt show")


def _expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise DemoFailed(otherwise)
