"""History adopted and compared: half of the customers bought on the web site, half from a rep, and the store has lost what
it knew of them. A backfill makes it whole, a reconcile then finds nothing; differences that are planted are all found.

Not part of `make bench`: `python -m benchmarks.adoption --customers 5000` takes its time.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psycopg
import requests

from benchmarks.__main__ import machine
from benchmarks.town import ROOT, Town, town

PLANTED = 50
#: What a store forgets when only the two sides are left.
LOST = ("links", "operations", "runs", "facts", "crm_rows")
READING = frozenset({"GET"})


@dataclass(frozen=True)
class Ran:
    """One command: how it ended, how long it took, its own peak of memory, and the calls that it made."""

    name: str
    exit: int
    seconds: float
    peak_mb: float
    stripe: int
    stripe_writes: int
    salesforce: int
    answer: Mapping[str, Any]

    def line(self) -> str:
        """A row of the table."""
        return (
            f"{self.name:22}{self.exit:>5}{self.seconds:>9.1f}{self.peak_mb:>9.0f}{self.stripe:>9}"
            f"{self.stripe_writes:>8}{self.salesforce:>12}"
        )


def main(arguments: Sequence[str]) -> int:
    """0 when the backfill is complete, the reconcile finds nothing, and then exactly what was planted."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.adoption", description=__doc__)
    parser.add_argument("--customers", type=int, default=5000)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="tandem-bench-", ignore_cleanup_errors=True) as folder:
        os.chmod(folder, 0o755)  # the embedded PostgreSQL runs as another user when we are root
        with town(Path(folder), STRIPE_REQUESTS_PER_S="1000") as place:
            ran, verdict = measure(place, given.customers)
    good = not verdict
    if given.json:
        print(json.dumps({"machine": machine(), "runs": [asdict(r) for r in ran], "faults": verdict}, indent=2))
    else:
        rows = ran[0].answer["rows"]
        print(f"machine: {machine()}; {given.customers} customers, {rows['expected']} rows, {rows['written']} written")
        print(f"{'':22}{'exit':>5}{'s':>9}{'MB':>9}{'Stripe':>9}{'writes':>8}{'Salesforce':>12}")
        print("\n".join(r.line() for r in ran))
        print("\n".join(verdict) or "good")
    return 0 if good else 1


def measure(place: Town, customers: int) -> tuple[list[Ran], list[str]]:
    """The commands in order, and what is not as it should be."""
    accounts = history(place, customers)
    with _store(place) as store:
        store.execute(f"TRUNCATE {', '.join(LOST)}".encode())
    backfilled = run(place, "backfill", "--apply")
    settled = run(place, "drain")
    compared = run(place, "reconcile")
    planted = plant(place, accounts)
    found = run(place, "reconcile")
    faults = []
    rows = backfilled.answer["rows"]
    if backfilled.exit or not backfilled.answer["complete"]:
        faults.append(f"the backfill is not complete: {backfilled.answer}")
    if backfilled.stripe_writes:
        faults.append("the backfill wrote to Stripe")
    listing = 8 + 2 * -(-customers // 2000) + 8
    if backfilled.salesforce > listing + -(-rows["written"] // 150):
        faults.append(f"{backfilled.salesforce} calls to Salesforce for {rows['written']} rows")
    if compared.exit or compared.answer["differences"]:
        first = compared.answer["differences"][:3]
        faults.append(f"reconcile found what nobody planted: {kinds(compared)}, such as {first}")
    seen = {d["account"] for d in found.answer["differences"]}
    if seen != set(planted):
        faults.append(
            f"missed {[planted[a] for a in set(planted) - seen]}, invented {len(seen - set(planted))}: {kinds(found)}"
        )
    return [backfilled, settled, compared, found], faults


def kinds(ran: Ran) -> Counter[str]:
    """How many differences of each kind."""
    return Counter(d["kind"] for d in ran.answer["differences"])


# ------------------------------------------------------------ the world


def history(place: Town, customers: int) -> list[str]:
    """Two months of it: deals that Tandem billed, and plans that it never saw. Returns the Accounts, those of deals first."""
    place.control.move_clock("2026-01-05T00:00:00Z")
    seat = place.crm.product("Seat", currencies=["USD"])
    terms = {"Start_Date__c": "2026-01-05", "Term_Months__c": 12, "Billing_Frequency__c": "Monthly"}
    sold = [_account(place, f"s{n}") for n in range(customers // 2)]
    quotes = [
        place.crm.quote("Deal", account, "USD", [(seat, 5 + n % 7, "50.00", {})], **terms)
        for n, account in enumerate(sold)
    ]
    place.crm.accept(*quotes)
    place.drain()
    bought = []
    for n in range(customers - customers // 2):
        bought.append(_account(place, f"w{n}"))
        place.stripe.sign_up(f"w{n}", f"ap@w{n}.example", seats=1 + n % 9, card="pm_card_visa")
    place.control.move_clock("2026-03-06T02:00:00Z")
    return [*sold, *bought]


def _account(place: Town, name: str) -> str:
    domain = f"{name}.example"
    return place.crm.create("Account", Name=name, Website=f"https://{domain}", Billing_Email__c=f"ap@{domain}")


def plant(place: Town, accounts: Sequence[str]) -> dict[str, str]:
    """Differences of eight kinds, each on an Account of its own; returns what was planted, by Account."""
    crm, half = place.crm, len(accounts) // 2
    sold, bought = list(accounts[:half]), list(accounts[half:])

    def row_of(sobject: str, account: str) -> str:
        return str(crm.query(f"SELECT Id FROM {sobject} WHERE Account__c = '{account}' ORDER BY Id LIMIT 1")[0]["Id"])

    def schedule_quantity(account: str) -> None:
        row = crm.query(f"SELECT Stripe_Ids__c FROM Billing_Subscription__c WHERE Account__c = '{account}'")[0]
        plan = place.stripe.get(f"subscriptions/{row['Stripe_Ids__c'].partition(',')[0]}")
        item = plan["items"]["data"][0]["id"]
        place.stripe.post(f"subscription_items/{item}", quantity=1, proration_behavior="none")

    def paused(account: str) -> None:
        crm.change("Billing_Subscription__c", row_of("Billing_Subscription__c", account), Status__c="Paused")

    def unlinked(account: str) -> None:
        with _store(place) as store:
            store.execute("DELETE FROM links WHERE salesforce_id = %s AND stripe_kind = 'customer'", (account,))

    def orphan(account: str) -> None:
        crm.create(
            "Billing_Invoice__c",
            Billing_Key__c=f"in_none{account}",
            Account__c=account,
            Status__c="Paid",
            Currency__c="USD",
        )

    acts: list[tuple[str, list[str], Callable[[str], object]]] = [
        ("MRR on the Account", bought, lambda a: crm.change("Account", a, MRR__c=1)),
        ("health on the Account", sold, lambda a: crm.change("Account", a, Billing_Health__c="Canceled")),
        ("amount of an invoice", bought, lambda a: crm.change("Billing_Invoice__c", row_of("Billing_Invoice__c", a), Total__c=1)),
        ("invoice deleted", sold, lambda a: _delete(place, "Billing_Invoice__c", row_of("Billing_Invoice__c", a))),
        ("status of a subscription", bought, paused),
        ("row of nothing", bought, orphan),
        ("quantity in Stripe", sold, schedule_quantity),
        ("link lost", sold, unlinked),
    ]  # fmt: skip
    planted: dict[str, str] = {}
    for number in range(min(PLANTED, len(accounts) // 2)):
        name, among, act = acts[number % len(acts)]
        account = among.pop()
        act(account)
        planted[account] = name
    return planted


def _delete(place: Town, sobject: str, id: str) -> None:
    crm: Any = place.crm
    answer: requests.Response = crm._http.delete(f"{crm._base}/sobjects/{sobject}/{id}", timeout=30)
    answer.raise_for_status()


def _store(place: Town) -> psycopg.Connection[Any]:
    return psycopg.connect(place.environment["DATABASE_URL"].replace("postgresql+psycopg://", "postgresql://", 1))


# ------------------------------------------------------------ running


def run(place: Town, *arguments: str) -> Ran:
    """A one-shot verb in a process of its own."""
    before = max((line["seq"] for line in place.control.log()), default=0)
    command = [sys.executable, "-m", "sync", *arguments, "--json"]
    began = time.monotonic()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(
            command, cwd=ROOT, env=place.environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - began
        out.seek(0)
        text = out.read().decode()
        err.seek(0)
        if not text:
            raise RuntimeError(f"{' '.join(arguments)} ended with {process.returncode}: {err.read().decode()[-2000:]}")
    calls = [c for c in place.control.log(before) if c["client"].startswith("Tandem/")]
    stripe = [c for c in calls if c["system"] == "stripe"]
    return Ran(
        " ".join(arguments), process.returncode, round(seconds, 1), round(used.ru_maxrss / 1024, 1), len(stripe),
        sum(1 for c in stripe if c["effect"] and c["method"] not in READING),
        sum(1 for c in calls if c["system"] == "salesforce"), json.loads(text),
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
