"""Which of several Stripe accounts a verb is about."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from sync.cli.exits import Misused
from sync.cli.several import chosen, knowing, names_of, of_quotes
from sync.ports import NewLink
from sync.records import Ref


def account(name: str, part: str, *, links: tuple[str, ...] = (), objects: tuple[str, ...] = ()) -> Any:
    """The equipment for one account, which has customers of these Accounts, and these objects in Stripe."""
    by_id = [NewLink(f"customer:{i}", i, "customer", f"cus_{name}", livemode=False) for i in links]
    found = {Ref("invoice_id", i): (i,) for i in objects}
    one = SimpleNamespace(
        name=name,
        part=part,
        others=(),
        links=SimpleNamespace(by_salesforce_id=lambda ids: [link for link in by_id if link.salesforce_id in ids]),
        subjects=SimpleNamespace(state=lambda key: None),
        stripe=SimpleNamespace(read=lambda refs: SimpleNamespace(found={r: found.get(r, ()) for r in refs})),
    )
    one.everywhere = (one,)
    return one


def several(*accounts: Any) -> Any:
    first = accounts[0]
    first.everywhere, first.others = accounts, accounts[1:]
    return first


def test_among_several_one_is_named_and_alone_none_need_be() -> None:
    us, eu = account("us", ""), account("eu", "acct_eu")
    alone = account("", "")
    assert chosen(alone, None) is alone
    with pytest.raises(Misused, match="there is no such account"):
        chosen(alone, "eu")
    services = several(us, eu)
    assert chosen(services, "eu") is eu
    with pytest.raises(Misused, match="one of us, eu"):
        chosen(services, None)
    with pytest.raises(Misused, match="there is us, eu"):
        chosen(services, "asia")


def test_the_account_that_has_the_record_is_found() -> None:
    us, eu = account("us", "", links=("001B", "001A")), account("eu", "acct_eu", links=("001A",), objects=("in_1",))
    services = several(us, eu)
    assert knowing(services, "invoice:in_1") is eu
    assert knowing(services, "account:001B") is us
    assert knowing(services, "invoice:in_of_nobody") is us
    with pytest.raises(Misused, match="say --stripe-account us or eu"):
        knowing(services, "account:001A")
    assert knowing(services, "account:001A", "eu") is eu


def test_of_many_quotes_each_is_on_the_account_that_bills_it() -> None:
    alone, us, eu = account("", ""), account("us", ""), account("eu", "acct_eu")
    assert of_quotes(alone, ["0Q0A"]) == {"0Q0A": alone}, "nobody is asked"
    services = several(us, eu)
    asked: list[list[str]] = []
    services.salesforce = SimpleNamespace(quotes=lambda ids: asked.append(ids) or {"0Q0A": "acct_eu", "0Q0B": ""})
    services.pipeline = SimpleNamespace(quotes=SimpleNamespace(routing=SimpleNamespace(of=lambda graph: graph)))
    gone = SimpleNamespace(stripe_account="acct_eu")
    services.subjects = SimpleNamespace(state=lambda key: gone if key == "quote:0Q0C" else None)
    found = of_quotes(services, ["0Q0A", "0Q0B", "0Q0C", "0Q0D"])
    assert [found[i].name for i in ("0Q0A", "0Q0B", "0Q0C", "0Q0D")] == ["eu", "us", "eu", "us"]
    assert len(asked) == 1


def test_names_come_from_what_the_store_was_pinned_to() -> None:
    realm = {"salesforce": "00D", "stripe": "acct_us", "livemode": "False"}
    store = SimpleNamespace(cursors=SimpleNamespace(realm=lambda: realm))
    assert names_of(cast("Any", store)) == {}
    realm |= {"stripe:us": "acct_us", "stripe:eu": "acct_eu"}
    assert names_of(cast("Any", store)) == {"": "us", "acct_eu": "eu"}
