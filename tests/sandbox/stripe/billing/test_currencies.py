"""A price with amounts in several currencies, and what is billed by it."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.serving import RawStripe
from tests.sandbox.stripe.billing.story import Story, stamp
from tests.sandbox.stripe.billing.test_checkout import pays, session

#: 30.00 EUR a month; 3,300 JPY; 36.00 USD; 12.340 KWD
OPTIONS: dict[str, Any] = {"jpy": {"unit_amount": 3300}, "usd": {"unit_amount": 3600}, "kwd": {"unit_amount": 12340}}
TIERS: list[dict[str, Any]] = [{"up_to": 10, "unit_amount": 100}, {"up_to": "inf", "unit_amount": 50}]
IN_DOLLARS: list[dict[str, Any]] = [{"up_to": 10, "unit_amount": 120}, {"up_to": "inf", "unit_amount": 60}]


def plan(story: Story, **values: Any) -> str:
    return story.priced(**{"currency": "eur", "unit_amount": 3000, "currency_options": OPTIONS, **values})


def test_options_are_shown_only_when_expanded_and_the_tiers_of_one_only_by_their_own_path(story: Story) -> None:
    price = plan(story)
    assert "currency_options" not in story.v1.prices.retrieve(price).to_dict()
    shown = story.v1.prices.retrieve(price, {"expand": ["currency_options"]}).to_dict()["currency_options"]
    assert {code: option["unit_amount"] for code, option in shown.items()} == {
        "eur": 3000, "jpy": 3300, "usd": 3600, "kwd": 12340,
    }  # fmt: skip
    listed = story.v1.prices.list({"expand": ["data.currency_options"]}).data[0]
    assert listed.currency_options["usd"]["unit_amount"] == 3600  # type: ignore[index]
    tiered = plan_by_tiers(story)
    whole = story.v1.prices.retrieve(tiered, {"expand": ["currency_options", "tiers"]}).to_dict()
    assert "tiers" not in whole["currency_options"]["usd"]
    deep = story.v1.prices.retrieve(tiered, {"expand": ["currency_options.usd.tiers"]}).to_dict()["currency_options"]
    assert [tier["unit_amount"] for tier in deep["usd"]["tiers"]] == [120, 60]
    assert deep["usd"]["unit_amount"] is None
    assert "tiers" not in deep["eur"]
    with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
        story.v1.prices.retrieve(tiered, {"expand": ["currency_options.chf.tiers"]})


def plan_by_tiers(story: Story, **values: Any) -> str:
    options: dict[str, Any] = {"usd": {"tiers": IN_DOLLARS}}
    return story.priced(**{"currency": "eur", "tiers": TIERS, "currency_options": options, **values})


@pytest.mark.parametrize(
    ("form", "param"),
    [
        ({"currency_options[usx][unit_amount]": "1"}, "currency_options[usx]"),
        ({"currency_options[eur][unit_amount]": "1"}, "currency_options[eur]"),
        ({"currency_options[usd][tax_behavior]": "exclusive"}, "currency_options[usd]"),
        ({"currency_options[usd][unit_amount]": "1", "currency_options[usd][unit_amount_decimal]": "1"},
         "currency_options[usd]"),
        ({"currency_options[usd][tiers][0][up_to]": "inf", "currency_options[usd][tiers][0][unit_amount]": "1"},
         "currency_options[usd][tiers]"),
        ({"currency_options[usd][custom_unit_amount][enabled]": "true"}, "currency_options[usd][custom_unit_amount]"),
    ],
)  # fmt: skip
def test_an_option_that_says_no_amount_of_its_price_is_refused(
    story: Story, raw: RawStripe, form: dict[str, str], param: str
) -> None:
    base = {"product": story.product(), "currency": "eur", "unit_amount": "3000"}
    answer = raw.post("/v1/prices", {**base, **form})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


def test_options_are_added_and_changed_later_and_taken_away_only_while_nothing_is_billed_by_them(story: Story) -> None:
    price = story.priced(currency="eur", unit_amount=3000)
    customer = story.customer("pm_card_visa")
    refused = r"only supports `eur`. This doesn't match the expected currency: `usd`"
    with pytest.raises(stripe.InvalidRequestError, match=refused):
        story.subscribe(customer, [{"price": price}], currency="usd")
    story.v1.prices.update(price, {"currency_options": {"usd": {"unit_amount": 3600, "tax_behavior": "exclusive"}}})
    with pytest.raises(stripe.InvalidRequestError, match="tax_behavior"):
        story.v1.prices.update(price, {"currency_options": {"usd": {"tax_behavior": "inclusive"}}})
    story.v1.prices.update(price, {"currency_options": {"usd": {"unit_amount": 3700}}})
    assert story.subscribe(customer, [{"price": price}], currency="usd").currency == "usd"
    with pytest.raises(stripe.InvalidRequestError, match="can't be removed"):
        story.v1.prices.update(price, {"currency_options": ""})
    assert [invoice.total for invoice in story.invoices(customer)] == [3700]
    free = plan(story)
    shown = story.v1.prices.update(free, {"currency_options": "", "expand": ["currency_options"]}).to_dict()
    assert list(shown["currency_options"]) == ["eur"]


@pytest.mark.parametrize(("currency", "total"), [("eur", 6000), ("jpy", 6600), ("usd", 7200), ("kwd", 24680)])
def test_a_subscription_is_billed_in_the_currency_that_it_asks_for(story: Story, currency: str, total: int) -> None:
    customer = story.customer("pm_card_visa")
    made = story.subscribe(customer, [{"price": plan(story), "quantity": 2}], currency=currency)
    assert (made.currency, made["items"].data[0].price.currency) == (currency, "eur")
    assert made["items"].data[0].price.unit_amount == 3000
    story.at("2026-02-01T02:00")
    assert [(i.currency, i.total, i.status) for i in story.invoices(customer)] == [(currency, total, "paid")] * 2
    assert story.v1.customers.retrieve(customer).currency == currency


def test_without_a_word_it_is_the_customers_currency_or_the_prices_own(story: Story) -> None:
    fresh, price = story.customer("pm_card_visa"), plan(story)
    assert story.subscribe(fresh, [{"price": price}]).currency == "eur"
    dollars = story.customer("pm_card_visa")
    story.subscribe(dollars, [{"price": story.price("100")}])
    assert story.subscribe(dollars, [{"price": price}]).currency == "usd"
    with pytest.raises(stripe.InvalidRequestError, match="cannot combine currencies"):
        story.subscribe(dollars, [{"price": price}], currency="jpy")


def test_items_without_an_amount_in_the_subscriptions_currency_are_refused(story: Story) -> None:
    customer, euros = story.customer("pm_card_visa"), story.price("100", currency="eur")
    with pytest.raises(stripe.InvalidRequestError, match="which doesn't include the expected currency of `chf`") as two:
        story.subscribe(customer, [{"price": plan(story)}], currency="chf")
    assert two.value.param == "items[0][price]"
    made = story.subscribe(customer, [{"price": plan(story)}], currency="usd")
    for change in ({"items": [{"price": euros}]}, {"add_invoice_items": [{"price": story.one_time(100, "eur")}]}):
        with pytest.raises(stripe.InvalidRequestError, match="only supports `eur`"):
            story.v1.subscriptions.update(made.id, change)  # type: ignore[arg-type]


def test_prorations_extras_and_previews_are_in_the_subscriptions_currency(story: Story) -> None:
    customer, price = story.customer("pm_card_visa"), plan(story)
    setup = story.v1.prices.create(
        {
            "product": story.product(),
            "currency": "eur",
            "unit_amount": 500,
            "currency_options": {"jpy": {"unit_amount": 700}},
        }
    )
    made = story.subscribe(customer, [{"price": price, "quantity": 2}], currency="jpy")
    story.at("2026-01-16T12:00")
    item = {"id": made["items"].data[0].id, "quantity": 4}
    details: Any = {"items": [item], "proration_behavior": "always_invoice"}
    preview = story.v1.invoices.create_preview({"subscription": made.id, "subscription_details": details})
    extra: Any = [{"price": setup.id}]
    story.v1.subscriptions.update(made.id, {**details, "add_invoice_items": extra})
    invoice = story.invoices(customer)[-1]
    assert (preview.currency, preview.total) == ("jpy", 3300)
    assert [line.amount for line in invoice.lines.data] == [-3300, 6600, 700]
    other = story.customer()
    new: Any = {"items": [{"price": price}]}
    foreseen = story.v1.invoices.create_preview({"customer": other, "currency": "usd", "subscription_details": new})
    assert (foreseen.currency, foreseen.total) == ("usd", 3600)
    pending = story.v1.invoice_items.create({"customer": other, "currency": "jpy", "pricing": {"price": setup.id}})
    assert (pending.currency, pending.amount) == ("jpy", 700)


def test_tiers_and_usage_are_billed_by_the_steps_of_the_subscriptions_currency(story: Story) -> None:
    customer = story.customer("pm_card_visa")
    used = plan_by_tiers(story, meter=story.meter())
    seats = plan_by_tiers(story, tiers_mode="volume")
    story.subscribe(customer, [{"price": used}, {"price": seats, "quantity": 20}], currency="usd")
    story.use(customer, 15)
    story.at("2026-02-01T02:00")
    first, second = story.invoices(customer)
    assert first.total == 20 * 60
    assert second.total == 10 * 120 + 5 * 60 + 20 * 60
    assert all("$" in str(line.description) for line in second.lines.data)


def test_a_checkout_page_sells_in_the_currency_that_its_session_names(story: Story) -> None:
    opened = session(story, plan(story), currency="jpy")
    assert (opened.currency, opened.amount_total) == ("jpy", 9900)
    assert pays(story, opened)["payment_status"] == "paid"
    [invoice] = story.v1.invoices.list().data
    assert (invoice.currency, invoice.total) == ("jpy", 9900)
    with pytest.raises(stripe.InvalidRequestError, match="doesn't include the expected currency of `chf`") as refused:
        session(story, plan(story), currency="chf")
    assert refused.value.param == "line_items[0][price]"


def test_the_phases_of_a_schedule_name_their_currency(story: Story) -> None:
    customer, price = story.customer(), plan(story)
    phases: list[dict[str, Any]] = [{"items": [{"price": price, "quantity": 2}], "end_date": stamp("2026-04-01")}]
    with pytest.raises(stripe.InvalidRequestError, match="must have the same currency"):
        story.schedule(customer, [{**phases[0], "currency": code} for code in ("usd", "jpy")], "now")
    schedule = story.schedule(customer, [{**phases[0], "currency": "usd"}], "now")
    story.at("2026-02-01T02:00")
    start = stamp("2026-01-01")
    change: Any = [{"items": [{"price": price, "quantity": 3}], "start_date": start, "end_date": stamp("2026-04-01")}]
    with pytest.raises(stripe.InvalidRequestError, match="must have the same currency"):
        story.v1.subscription_schedules.update(schedule.id, {"phases": [{**change[0], "currency": "jpy"}]})
    rewritten = story.v1.subscription_schedules.update(schedule.id, {"phases": change, "proration_behavior": "none"})
    assert rewritten.phases[0].currency == "usd"
    story.at("2026-03-01T02:00")
    assert [(i.currency, i.total) for i in story.invoices(customer)] == [("usd", 7200), ("usd", 7200), ("usd", 10800)]
