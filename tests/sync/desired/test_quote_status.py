"""What the quote shows of its billing, from first check to the end of the term."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from sync import facts
from sync.deal.forecast import forecast, line_amounts
from sync.desired.quote_status import QuoteView, Shown, blank_fields, line_fields, quote_fields
from sync.errors import Refusal, Refused, Terminal, Transient, Unsafe
from tests.sync.deal.factory import EARLY, a_deal, a_fee, a_line
from tests.sync.desired.stripe_answers import StripeAnswers

START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)


def shown(deal=None, *, signed=True, now=EARLY, objects=(), **changes):
    case = Shown(deal, forecast(deal, EARLY), None, deal.opens) if deal else None
    return quote_fields(QuoteView(signed=signed, now=now, case=case, objects=tuple(objects), **changes))


def status(*args, **kwargs):
    return shown(*args, **kwargs)["Billing_Status__c"]


def made(deal):
    stripe = StripeAnswers()
    stripe.converge(deal, EARLY)
    return stripe


def test_it_goes_from_not_started_over_waiting_scheduled_and_live_to_ended():
    deal = a_deal()
    stripe = made(deal)
    objects = tuple(stripe.facts.values())
    assert [
        status(deal, signed=False),
        status(deal),
        status(deal, objects=objects),
        status(deal, objects=objects, now=START),
        status(deal, objects=objects, now=END),
    ] == ["Not Started", "Waiting", "Scheduled", "Live", "Ended"]


def test_a_deal_of_two_objects_is_being_created_until_both_are_there():
    deal = a_deal(a_line(1), a_line(2, billing_frequency="Annual"))
    first, second = made(deal).of(facts.Schedule)
    assert status(deal, objects=[first]) == "Creating"
    assert status(deal, objects=[first, second]) == "Scheduled"


def test_a_canceled_schedule_is_ended():
    deal = a_deal()
    (schedule,) = made(deal).of(facts.Schedule)
    assert status(deal, objects=[schedule.model_copy(update={"status": "canceled"})], now=START) == "Ended"


def test_totals_and_the_schedule_id_are_shown_and_code_and_message_are_blank():
    deal = a_deal(a_line(), a_fee())
    stripe = made(deal)
    (schedule,) = stripe.of(facts.Schedule)
    fields = shown(deal, objects=stripe.facts.values(), preview="READY")
    assert fields == {
        "Billing_Status__c": "Scheduled",
        "Billing_Code__c": None,
        "Billing_Message__c": None,
        "Billing_Reference__c": schedule.id,
        "Billing_Preview__c": "READY",
        "Contract_Total__c": Decimal("14500.00"),
        "First_Invoice_Amount__c": Decimal("3500.00"),
    }


def test_a_preview_that_was_not_worked_out_is_left_alone():
    assert "Billing_Preview__c" not in shown(a_deal())


REFUSED = Refused((Refusal("DATA-201", "No e-mail. Nothing was charged."), Refusal("DATA-207", "1.5 seats.")))


def test_a_refusal_needs_attention_and_tells_everything_at_once():
    fields = shown(failure=REFUSED, reference="7F3K")
    assert fields["Billing_Status__c"] == "Needs Attention"
    assert fields["Billing_Code__c"] == "DATA-201"
    assert fields["Billing_Message__c"] == "No e-mail. Nothing was charged.\n1.5 seats."
    assert fields["Billing_Reference__c"] == "DATA-201 . 7F3K"


def test_a_quote_that_is_only_checked_shows_the_fault_without_being_started():
    fields = shown(signed=False, failure=REFUSED)
    assert (fields["Billing_Status__c"], fields["Billing_Code__c"]) == ("Not Started", "DATA-201")


@pytest.mark.parametrize(
    ("failure", "word"),
    [
        (Terminal("CONF-301", "m"), "Needs Attention"),
        (Terminal("CONF-311", "m"), "Needs Attention"),
        (Terminal("DATA-213", "m"), "Needs Attention"),
        (Terminal("CONF-305", "m"), "With Billing Team"),
        (Terminal("BUG-502", "m"), "With Billing Team"),
        (Terminal("UNHEARD-1", "m"), "With Billing Team"),
        (Unsafe("DATA-219", "m"), "With Billing Team"),
        (Transient("TEMP-403", "m"), "Waiting"),
    ],
)
def test_who_has_to_act_decides_the_word(failure, word):
    assert status(failure=failure) == word


def test_a_passing_fault_halfway_is_still_creating():
    deal = a_deal()
    assert status(deal, objects=made(deal).facts.values(), failure=Transient("TEMP-403", "m")) == "Creating"


def test_on_hold_stands_above_everything():
    fields = shown(failure=REFUSED, on_hold="until the audit is over")
    assert fields["Billing_Status__c"] == "On Hold"
    assert fields["Billing_Message__c"] == "On hold: until the audit is over"


def test_a_message_never_outgrows_its_field():
    assert len(shown(failure=Terminal("DATA-201", "x" * 20_000))["Billing_Message__c"]) == 10_000


def test_line_amounts_go_to_their_lines():
    deal = a_deal(a_line(1), a_fee(9))
    fields = line_fields(line_amounts(deal, forecast(deal, EARLY)), deal.base)
    assert fields == {
        a_line(1).id: {"Contract_Amount__c": Decimal("12000.00")},
        a_fee(9).id: {"Contract_Amount__c": Decimal("2500.00")},
    }


def test_a_cloned_quote_is_reset():
    assert blank_fields()["Billing_Status__c"] == "Not Started"
    assert {v for k, v in blank_fields().items() if k != "Billing_Status__c"} == {None}
