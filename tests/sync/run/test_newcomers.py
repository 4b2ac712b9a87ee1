"""Many customers of the web site at once: their Accounts are made together, once, whatever dies in between."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from sync.errors import Transient
from sync.ports import NewLink
from sync.run.addresses import alone
from tests.sync.desired.test_mirror import subscription
from tests.sync.run.conftest import Place, customer
from tests.sync.run.test_identity import BIRCH
from tests.sync.run.test_pipeline import Runs, pipeline


def buys(place: Place, id_: str, **more: Any) -> None:
    """A customer of the web site with a plan, whom a notice has named."""
    given = {"email": f"ap@{id_}.example", "name": f"{id_} Ltd", **more}
    place.stripe.has(customer(id_, **given))
    place.facts.put([subscription(id=f"sub_{id_}", customer=id_)], place.facts.fence())
    place.mark(f"customer:{id_}", lane="deal", unit=f"unit:{id_}")


def step(place: Place, runs: Counter[str] | None = None) -> int:
    return pipeline(place, Runs(), identity=place.identity("create")).run_deal(runs, stop_at=20)


def accounts(place: Place, *ids: str) -> list[str | None]:
    links = place.links.by_stripe_id(ids)
    return [links[i].salesforce_id if i in links else None for i in ids]


def test_those_whom_nobody_knows_get_an_account_each_in_one_call(place: Place) -> None:
    place.salesforce.has(BIRCH)
    buys(place, "cus_known", email=BIRCH.billing_email, name="Birch")
    buys(place, "cus_held")
    place.links.add(NewLink("customer:001H", "001H", "customer", "cus_held"))
    for id_ in ("cus_a", "cus_b", "cus_c"):
        buys(place, id_)
    place.stripe.has(customer("cus_visitor", email="v@v.example"))
    place.mark("customer:cus_visitor", lane="deal", unit="unit:cus_visitor")
    runs: Counter[str] = Counter()

    assert step(place, runs) == 6

    assert place.salesforce.calls == ["find_accounts", "create_accounts"]
    assert sorted(str(m["Stripe_Customer_Id__c"]) for m in place.salesforce.made) == ["cus_a", "cus_b", "cus_c"]
    assert accounts(place, "cus_known", "cus_held") == ["001A", "001H"]
    assert len(set(accounts(place, "cus_a", "cus_b", "cus_c"))) == 3
    assert [key for key in place.due() if key.startswith("customer:")] == []
    assert set(runs.values()) == {1}
    assert place.due()["subscription:sub_cus_a"] == "mirror"


def test_two_customers_with_one_address_get_one_account_and_the_other_is_a_question(place: Place) -> None:
    buys(place, "cus_a", email="ap@one.example")
    buys(place, "cus_b", email="AP@one.example")

    step(place)

    assert len(place.salesforce.made) == 1
    assert sorted(filter(None, (place.code("customer:cus_a"), place.code("customer:cus_b")))) == ["DATA-213"]


def test_one_that_the_org_refuses_says_why_and_holds_up_no_other(place: Place) -> None:
    buys(place, "cus_a")
    buys(place, "cus_b", name="Refused Ltd")
    place.salesforce.refuses = "Refused Ltd"

    step(place)

    assert [m["Stripe_Customer_Id__c"] for m in place.salesforce.made] == ["cus_a"]
    assert (place.code("customer:cus_a"), place.code("customer:cus_b")) == (None, "DATA-220")


def test_a_kill_after_the_accounts_were_made_makes_none_a_second_time(place: Place) -> None:
    for id_ in ("cus_a", "cus_b"):
        buys(place, id_)
    place.salesforce.dies = True
    with pytest.raises(KeyboardInterrupt):
        step(place)  # one was made, and nobody got to know of it
    place.leases_end()

    step(place)

    assert Counter(m["Stripe_Customer_Id__c"] for m in place.salesforce.made) == {"cus_a": 1, "cus_b": 1}
    assert None not in accounts(place, "cus_a", "cus_b")


def test_customers_whose_units_were_taken_over_make_nothing(place: Place) -> None:
    for id_ in ("cus_a", "cus_b"):
        buys(place, id_)
    place.salesforce.meanwhile = place.taken_over

    step(place)

    assert place.salesforce.made == []


def test_a_reading_that_fails_in_passing_is_tried_again_for_all(place: Place) -> None:
    for id_ in ("cus_a", "cus_b"):
        buys(place, id_)
    place.stripe.failing["cus_b"] = Transient("TEMP-401", "slow down")

    step(place)

    assert (place.code("customer:cus_a"), place.code("customer:cus_b")) == ("TEMP-401", "TEMP-401")
    assert place.salesforce.made == []


def test_a_customer_with_a_quote_due_beside_it_is_left_to_its_own_unit(place: Place) -> None:
    buys(place, "cus_a")
    buys(place, "cus_b")
    place.mark("quote:0Q0B", lane="deal", unit="unit:cus_b")

    assert step(place) == 1

    assert [key for key in place.due() if key.startswith(("customer:", "quote:"))] == ["customer:cus_b", "quote:0Q0B"]


def test_what_the_mappings_send_is_sent_of_each_that_came_through(place: Place) -> None:
    for id_ in ("cus_a", "cus_b"):
        buys(place, id_)
    buys(place, "cus_c", name="Refused Ltd")
    place.salesforce.refuses = "Refused Ltd"
    sent = Runs()

    pipeline(place, Runs(), identity=place.identity("create"), customer_fields=sent).run_deal()

    assert sorted(sent.ran) == ["customer:cus_a", "customer:cus_b"]


def test_a_batch_is_as_large_as_one_call_takes(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sync.run.pipeline.AT_ONCE", 3)
    for n in range(5):
        buys(place, f"cus_{n}")

    assert [step(place), step(place)] == [3, 2]
    assert len(place.salesforce.made) == 5


def test_one_whose_e_mail_somebody_else_is_at_waits_and_the_others_go_on(place: Place) -> None:
    place.mark("quote:0Q0A", lane="deal", unit="unit:001A")
    deal = place.subjects.claim_unit("deal")
    assert deal is not None
    alone(place.subjects, deal, place.stripe.account, "AP@cus_a.example")
    for id_ in ("cus_a", "cus_b"):
        buys(place, id_)

    step(place)

    assert [m["Stripe_Customer_Id__c"] for m in place.salesforce.made] == ["cus_b"]
    assert (place.code("customer:cus_a"), place.code("customer:cus_b")) == ("TEMP-402", None)
