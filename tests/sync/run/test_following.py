"""Who pays after a merge, and what our store keeps of who was asked and what was said."""

from __future__ import annotations

import pytest

from sync.errors import Unsafe
from sync.facts import Customer
from sync.ports import Asked, NewLink
from sync.run.following import former_link, payer_link, with_rivals
from sync.run.merging import Standing, arranged
from tests.sync.desired.test_mirror import subscription
from tests.sync.run.conftest import Place

LOSER, WINNER = "001L", "001W"


def payer(account: str, customer: str) -> NewLink:
    return payer_link(NewLink("", account, "customer", customer), account)


def standing(link: NewLink, *, live: bool = False, deleted: bool = False) -> Standing:
    return Standing(link, Customer(id=link.stripe_id, deleted=deleted), (subscription(),) if live else ())


@pytest.mark.parametrize(
    ("loser", "winner", "pays"),
    [
        ({}, {}, "cus_w"),
        ({"live": True}, {}, "cus_l"),
        ({}, {"live": True}, "cus_w"),
        ({"live": True}, {"live": True}, "cus_w"),
        ({}, {"deleted": True}, "cus_l"),
        ({"deleted": True}, {}, "cus_w"),
        ({"deleted": True}, {"deleted": True}, None),
    ],
)
def test_of_two_customers_the_winners_pays_unless_only_the_other_is_live(
    loser: dict[str, bool], winner: dict[str, bool], pays: str | None
) -> None:
    links = arranged(
        WINNER, [standing(payer(LOSER, "cus_l"), **loser), standing(payer(WINNER, "cus_w"), **winner)], set()
    )

    assert [link.stripe_id for link in links if link.key == f"customer:{WINNER}"] == ([pays] if pays else [])
    assert {link.salesforce_id for link in links} == {WINNER}
    assert len({link.key for link in links}) == 2


def test_whom_people_turned_down_does_not_pay_and_a_single_customer_follows() -> None:
    both = [standing(payer(WINNER, "cus_w"), live=True), standing(former_link(payer(WINNER, "cus_l")), live=True)]

    assert arranged(WINNER, both, {"cus_w"})[1].key == f"customer:{WINNER}"
    assert arranged(WINNER, [standing(payer(LOSER, "cus_l"))], set()) == [payer(WINNER, "cus_l")]


def test_two_live_customers_are_rivals_until_people_say_who_pays(place: Place) -> None:
    accounts = {WINNER: ["cus_w", "cus_l"], "001X": ["cus_x"]}
    assert with_rivals(accounts, {"cus_w", "cus_l", "cus_x"}, place.identities) == {WINNER}
    assert with_rivals(accounts, {"cus_w"}, place.identities) == set()

    assert place.identities.keep_apart(WINNER, ["cus_l"], by="ops", why="asked") == 1
    assert place.identities.keep_apart(WINNER, ["cus_l"], by="ops", why="again") == 0

    assert with_rivals(accounts, {"cus_w", "cus_l"}, place.identities) == set()


def test_what_was_asked_and_decided_is_kept_and_follows_a_merge(place: Place) -> None:
    place.identities.ask(Asked("quote:0Q0A", {LOSER: "Birch"}, {"cus_1": "Birch <a@b.example>"}, "first"))
    place.identities.ask(Asked("quote:0Q0A", {LOSER: "Birch"}, {"cus_2": ""}, "second"))
    place.identities.keep_apart(LOSER, ["cus_1", "cus_2"], by="ops", why="namesakes")

    assert place.identities.asked(["quote:0Q0A", "quote:0Q0B"]) == {
        "quote:0Q0A": Asked("quote:0Q0A", {LOSER: "Birch"}, {"cus_2": ""}, "second")
    }
    place.identities.followed(LOSER, WINNER)
    assert {(p.account_id, p.customer_id) for p in place.identities.apart(customers=["cus_1", "cus_2"])} == {
        (WINNER, "cus_1"), (WINNER, "cus_2"),
    }  # fmt: skip
    assert place.identities.allow(WINNER, "cus_1")
    assert not place.identities.allow(WINNER, "cus_1")
    assert [p.customer_id for p in place.identities.apart(accounts=[WINNER])] == ["cus_2"]


def test_links_are_replaced_all_or_none(place: Place) -> None:
    first, second = payer(WINNER, "cus_w"), payer("001X", "cus_x")
    place.links.add(first)
    place.links.add(second)

    place.links.replace([former_link(first), payer(WINNER, "cus_l")])
    assert {link.stripe_id for link in place.links.by_salesforce_id([WINNER])} == {"cus_w", "cus_l"}
    with pytest.raises(Unsafe, match="BUG-501"):
        place.links.replace([payer(WINNER, "cus_w"), payer("001X", "cus_l")])

    assert place.links.by_stripe_id(["cus_w"])["cus_w"] == former_link(first)
    assert place.links.by_stripe_id(["cus_x"])["cus_x"] == second


def test_a_customer_that_carries_an_accounts_id_is_found_by_it(place: Place) -> None:
    ours = Customer(id="cus_1", metadata={"salesforce_account_id": WINNER})
    place.facts.put([ours, Customer(id="cus_2", deleted=True, metadata=ours.metadata)], place.facts.fence())

    assert place.facts.customers_carrying(WINNER) == ["cus_1"]
    assert place.facts.customers_carrying(LOSER) == []
