"""The last read of an object, never an older one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from threading import Barrier

import pytest
from sqlalchemy import Engine, text

from sync.errors import Terminal
from sync.facts import Charge, Customer, Invoice, InvoicePayment, Item, Line, Price, Schedule, Subscription
from sync.store.facts import StoredFacts


def invoice(id_: str = "in_1", **overrides: object) -> Invoice:
    values: dict[str, object] = {
        "id": id_,
        "customer": "cus_1",
        "status": "open",
        "currency": "usd",
        "total_minor": 1000,
    }
    return Invoice.model_validate({**values, **overrides})


def test_a_fact_comes_back_as_it_was_read(facts: StoredFacts) -> None:
    price = Price(id="price_1", product="prod_1", currency="usd", unit_amount_decimal=Decimal("8333.333333333333"))
    read = [
        invoice(
            payments=(InvoicePayment(id="inpay_1", status="paid", amount_minor=5, created_s=1),),
            lines=(Line(amount_minor=1000, metadata={"k": "ü"}),),
            subscription_metadata={"a": "b"},
        ),
        Customer(id="cus_1", email="a@b.example", balance_minor=-500),
        Subscription(id="sub_1", customer="cus_1", status="active", items=(Item(id="si_1", price=price, quantity=3),)),
        Schedule(id="sub_sched_1", customer="cus_1", custom_fields=(("PO number", "PO-1"),)),
        Charge(id="ch_1", customer="cus_1"),
        price,
    ]
    facts.put(read, facts.fence())

    for fact in read:
        assert facts.get(fact.KIND, [fact.id, "nobody"]) == {fact.id: fact}


def test_each_fence_is_larger_than_all_before(facts: StoredFacts, other_engine: Engine) -> None:
    other = StoredFacts(other_engine, stripe_account="acct_1")
    fences = [where.fence() for where in (facts, other) * 5]
    assert fences == sorted(set(fences))


def test_a_read_that_began_earlier_never_replaces_a_later_one(facts: StoredFacts) -> None:
    early, late = facts.fence(), facts.fence()
    facts.put([invoice(status="paid")], late)
    facts.put([invoice(status="open"), invoice("in_2")], early)

    assert facts.get("invoice", ["in_1"])["in_1"].status == "paid"  # type: ignore[attr-defined]
    assert set(facts.get("invoice", ["in_1", "in_2"])) == {"in_1", "in_2"}
    facts.put([invoice(status="void")], late)  # the same read, corrected
    assert facts.get("invoice", ["in_1"])["in_1"].status == "void"  # type: ignore[attr-defined]


def test_what_belongs_to_customers_leaves_out_the_deleted(facts: StoredFacts) -> None:
    facts.put(
        [
            invoice("in_1"),
            invoice("in_2", customer="cus_2"),
            invoice("in_3", customer="cus_3"),
            invoice("in_4", deleted=True),
            Customer(id="cus_1"),
        ],
        facts.fence(),
    )

    assert [fact.id for fact in facts.of_customers("invoice", ["cus_1", "cus_2"])] == ["in_1", "in_2"]
    assert [fact.id for fact in facts.of_customers("customer", ["cus_1"])] == ["cus_1"]
    assert facts.of_customers("invoice", []) == []


def test_another_stripe_account_has_facts_of_its_own(facts: StoredFacts, engine: Engine) -> None:
    elsewhere = StoredFacts(engine, stripe_account="acct_2")
    facts.put([invoice()], facts.fence())
    assert elsewhere.get("invoice", ["in_1"]) == {}
    elsewhere.put([invoice(status="paid")], elsewhere.fence())
    assert facts.get("invoice", ["in_1"])["in_1"].status == "open"  # type: ignore[attr-defined]


def test_of_two_reads_of_one_object_in_one_breath_the_later_holds(facts: StoredFacts) -> None:
    facts.put([invoice(status="open"), invoice(status="paid")], facts.fence())
    facts.put([], facts.fence())
    assert facts.get("invoice", ["in_1"])["in_1"].status == "paid"  # type: ignore[attr-defined]


def test_text_that_the_database_cannot_store_is_cleaned(facts: StoredFacts) -> None:
    facts.put([Customer(id="cus_1", name="A\x00B", metadata={"path": "c:\\u0000"})], facts.fence())
    stored = facts.get("customer", ["cus_1"])["cus_1"]
    assert (stored.name, stored.metadata) == ("AB", {"path": "c:\\u0000"})  # type: ignore[attr-defined]


def test_a_fact_that_this_release_cannot_read_is_said_loudly(facts: StoredFacts, engine: Engine) -> None:
    facts.put([invoice()], facts.fence())
    with engine.begin() as connection:
        connection.execute(text("""UPDATE facts SET body = body || '{"from_the_future": 1}'"""))

    with pytest.raises(Terminal, match="invoice in_1") as refused:
        facts.get("invoice", ["in_1"])
    assert refused.value.code == "BUG-502"


def test_many_writing_the_same_facts_at_once_leave_the_newest(facts: StoredFacts, other_engine: Engine) -> None:
    other = StoredFacts(other_engine, stripe_account="acct_1")
    start = Barrier(4)

    def put(where: StoredFacts, turn: int) -> None:
        start.wait()
        for fence in range(turn + 1, 41, 4):
            read = [invoice(f"in_{n}", total_minor=fence) for n in range(30)]
            where.put(read if fence % 2 else read[::-1], fence)

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(put, (facts, other)[turn % 2], turn) for turn in range(4)]:
            done.result(60)

    stored = facts.get("invoice", [f"in_{n}" for n in range(30)])
    assert {fact.total_minor for fact in stored.values()} == {40}  # type: ignore[attr-defined]


def test_customers_are_found_by_their_e_mail_whatever_its_case(facts: StoredFacts, engine: Engine) -> None:
    seen = [
        Customer(id="cus_1", email="AP@Acme.example"),
        Customer(id="cus_2", email="ap@acme.EXAMPLE"),
        Customer(id="cus_3", email="ap@other.example"),
        Customer(id="cus_4"),
        Customer(id="cus_5", email="ap@acme.example", deleted=True),
    ]
    facts.put(seen, facts.fence())
    StoredFacts(engine, stripe_account="acct_2").put([Customer(id="cus_6", email="ap@acme.example")], facts.fence())

    assert facts.customers_with("Ap@Acme.Example") == ["cus_1", "cus_2"]
    assert facts.customers_with("nobody@acme.example") == []
