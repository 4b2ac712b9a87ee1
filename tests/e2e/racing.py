"""A rep signs a quote while the same company signs up on the web site: many times at once, nobody waiting for anybody."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from random import Random
from typing import Any

from sqlalchemy import text

from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

HEADER: dict[str, Any] = {"Start_Date__c": "2026-03-01", "Term_Months__c": 12, "Billing_Frequency__c": "Monthly"}
#: Races that run at one time, and the longest that anybody dawdles before.
AT_ONCE, DAWDLE_S = 20, 0.4
#: A visitor needs one call to be there, a rep five and a worker's look: of all visitors so many wait until it is signed and
#: come about when the quote is taken in, and so many come once the deal has its customer, in the midst of its other writes.
AFTER_SIGNING, AFTER_CUSTOMER, LATER_S = 0.6, 0.2, 4.0
WITHIN_S = 60.0


@dataclass
class Race:
    """One company on both sides. ``same``: its web domain proves that the two are one."""

    number: int
    same: bool
    account: str = ""
    quote: str = ""
    customer: str = ""
    signed: threading.Event = field(default_factory=threading.Event, repr=False)

    @property
    def email(self) -> str:
        return f"ap@race{self.number}.example"


def run_races(world: World, tandem: Tandem, times: int, seed: int) -> list[Race]:
    """All races are run, and all that was said is done."""
    rng = Random(seed)
    product = world.crm.product("Seat", currencies=["USD"])
    world.stripe.sign_up("First", "first@race.example", seats=1, card="pm_card_visa")  # its price is everybody's
    workers = [tandem, tandem.again(), tandem.again()]
    races = [Race(number, same=rng.random() < 0.5) for number in range(times)]
    for first in range(0, times, AT_ONCE):
        _at_once(world, workers, product, races[first : first + AT_ONCE], rng)
    tandem.drain()
    return races


def _at_once(world: World, workers: list[Tandem], product: Any, races: list[Race], rng: Random) -> None:
    over = threading.Event()
    people = [_after(rng.uniform(0, DAWDLE_S), _rep(world, product, race)) for race in races]
    people += [_visit(rng, world, race) for race in races]
    rng.shuffle(people)
    with ThreadPoolExecutor(len(people) + len(workers)) as pool:
        working = [pool.submit(_work, worker, over, polls=number == 0) for number, worker in enumerate(workers)]
        try:
            for done in [pool.submit(one) for one in people]:
                done.result(WITHIN_S)
        finally:
            over.set()
        for ended in working:
            ended.result(WITHIN_S)


def _after(pause_s: float, act: Callable[[], None]) -> Callable[[], None]:
    def later() -> None:
        time.sleep(pause_s)
        act()

    return later


def _rep(world: World, product: Any, race: Race) -> Callable[[], None]:
    rep = World(world.control_url).crm

    def act() -> None:
        site = f"https://race{race.number}.example" if race.same else None
        race.account = rep.create("Account", Name=f"Race {race.number}", Website=site, Billing_Email__c=race.email)
        race.quote = rep.quote(race.email, race.account, "USD", [(product, 1, "10.00", {})], **HEADER)
        rep.accept(race.quote)
        race.signed.set()

    return act


def _visit(rng: Random, world: World, race: Race) -> Callable[[], None]:
    chance, later_s = rng.random(), rng.uniform(0, LATER_S)
    sign_up, web = _visitor(world, race), World(world.control_url).stripe

    def act() -> None:
        if chance < AFTER_SIGNING + AFTER_CUSTOMER:
            assert race.signed.wait(WITHIN_S)
        if chance < AFTER_CUSTOMER:
            until = time.monotonic() + WITHIN_S / 2
            while not web.get("customers", email=race.email)["data"] and time.monotonic() < until:
                time.sleep(0.05)
        elif chance < AFTER_SIGNING + AFTER_CUSTOMER:
            time.sleep(later_s)
        sign_up()

    return act


def _visitor(world: World, race: Race) -> Callable[[], None]:
    web = World(world.control_url).stripe

    def act() -> None:
        race.customer = web.sign_up("A. Visitor", race.email, seats=1, card="pm_card_visa")["customer"]

    return act


def _work(one: Tandem, over: threading.Event, *, polls: bool) -> None:
    pipeline = one.services.pipeline
    while not over.is_set():
        if polls:
            pipeline.poll()
        moved = pipeline.take_in() + pipeline.run_deal() + pipeline.run_mirror()
        if not moved:
            time.sleep(0.01)


def check_races(world: World, tandem: Tandem, races: list[Race]) -> Counter[str]:
    """No Account has two customers, none was given one by guess, and whoever is left over is a question. Returns how the
    races came out.
    """
    with tandem.services.engine.connect() as connection:
        rows = connection.execute(
            text("SELECT salesforce_id, stripe_id FROM links WHERE stripe_kind = 'customer'")
        ).all()
    linked = {row.salesforce_id: row.stripe_id for row in rows}
    assert len(linked) == len(rows), "an Account has two customers"
    asked = {state.key for state in tandem.services.subjects.failures(code="DATA-213")}
    billed: dict[str, list[str]] = {}
    for schedule in world.stripe.all("subscription_schedules"):
        billed.setdefault(schedule["metadata"]["salesforce_quote_id"], []).append(schedule["customer"])
    outcomes: Counter[str] = Counter()
    for race in races:
        payer, deals = linked.get(race.account), billed.get(race.quote, [])
        assert len(deals) <= 1, race
        assert not deals or deals == [payer], race
        if payer == race.customer:
            assert race.same, f"{race}: nothing proves that they are one"
            outcomes["one customer"] += 1
        elif payer is None:
            assert {f"quote:{race.quote}", f"customer:{race.customer}"} <= asked, race
            outcomes["asked before"] += 1
        else:
            assert f"customer:{race.customer}" in asked, f"{race}: a second customer and nobody was asked"
            outcomes["asked after"] += 1
    shown = {r["Id"]: r["Stripe_Customer_Id__c"] for r in world.crm.rows("Account", "Id Stripe_Customer_Id__c")}
    assert {a: c for a, c in shown.items() if c} == linked
    return outcomes
