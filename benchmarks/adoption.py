"""History adopted and compared: half of the customers bought on the web site, half from a rep, and the store has lost what
it knew of them. A backfill makes it whole, a reconcile then finds nothing; differences that are planted are all found.

Not part of `make bench`: `python -m benchmarks.adoption --customers 5000` takes its time.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.__main__ import machine
from benchmarks.history import history, plant, store_of
from benchmarks.town import ROOT, Town, town

#: What a store forgets when only the two sides are left.
LOST = ("links", "operations", "runs", "facts", "crm_rows")
READING = frozenset({"GET"})
#: The most memory that any of them may take, however many customers there are.
MOST_MB = 250.0
#: How often the memory of a process is looked at.
LOOKS_EVERY_S = 0.05


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

    def say(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory(prefix="tandem-bench-", ignore_cleanup_errors=True) as folder:
        os.chmod(folder, 0o755)  # the embedded PostgreSQL runs as another user when we are root
        with town(Path(folder), STRIPE_REQUESTS_PER_S="1000") as place:
            runs, verdict = measure(place, given.customers, say)
    good = not verdict
    if given.json:
        print(json.dumps({"machine": machine(), "runs": [asdict(r) for r in runs], "faults": verdict}, indent=2))
    else:
        rows = runs[0].answer["rows"]
        print(f"machine: {machine()}; {given.customers} customers, {rows['expected']} rows, {rows['written']} written")
        print(f"{'':22}{'exit':>5}{'s':>9}{'MB':>9}{'Stripe':>9}{'writes':>8}{'Salesforce':>12}")
        print("\n".join(r.line() for r in runs))
        print("\n".join(verdict) or "good")
    return 0 if good else 1


def measure(place: Town, customers: int, say: Callable[[str], None]) -> tuple[list[Ran], list[str]]:
    """The commands in order, and what is not as it should be."""

    def run(*arguments: str) -> Ran:
        done = ran(place, *arguments)
        say(done.line())
        return done

    accounts = history(place, customers, say)
    with store_of(place) as store:
        store.execute(f"TRUNCATE {', '.join(LOST)}".encode())
        store.execute("DELETE FROM cursors WHERE name LIKE 'stripe:%:events'")
    backfilled = run("backfill", "--apply")
    settled = run("drain")
    compared = run("reconcile")
    planted = plant(place, accounts)
    found = run("reconcile", "--heal=safe")
    again = run("reconcile", "--heal=safe")
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
    faults += [
        f"{r.name} took {r.peak_mb} MB" for r in (backfilled, settled, compared, found, again) if r.peak_mb > MOST_MB
    ]
    seen = {d["account"] for d in found.answer["differences"]}
    if seen != set(planted):
        faults.append(
            f"missed {[planted[a] for a in set(planted) - seen]}, invented {len(seen - set(planted))}: {kinds(found)}"
        )
    if again.answer["healed"]:
        faults.append(f"{again.answer['healed']} differences were healed a second time: {kinds(again)}")
    return [backfilled, settled, compared, found, again], faults


def kinds(ran: Ran) -> Counter[str]:
    """How many differences of each kind."""
    return Counter(d["kind"] for d in ran.answer["differences"])


# ------------------------------------------------------------ running


def ran(place: Town, *arguments: str) -> Ran:
    """A one-shot verb in a process of its own, and what it came to."""
    before = place.control.last_exchange()
    command = [sys.executable, "-m", "sync", *arguments, "--json"]
    began = time.monotonic()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(
            command, cwd=ROOT, env=place.environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err
        )
        peak_mb = _peak_mb(process)
        seconds = time.monotonic() - began
        out.seek(0)
        text = out.read().decode()
        err.seek(0)
        if not text:
            raise RuntimeError(f"{' '.join(arguments)} ended with {process.returncode}: {err.read().decode()[-2000:]}")
    calls = [c for c in place.control.log(before, brief=True) if c["client"].startswith("Tandem/")]
    stripe = [c for c in calls if c["system"] == "stripe"]
    return Ran(
        " ".join(arguments), process.returncode, round(seconds, 1), peak_mb, len(stripe),
        sum(1 for c in stripe if c["effect"] and c["method"] not in READING),
        sum(1 for c in calls if c["system"] == "salesforce"), json.loads(text),
    )  # fmt: skip


def _peak_mb(process: subprocess.Popen[bytes]) -> float:
    """The most memory that the process ever had, waiting for its end. `getrusage` would count what its parent had when it
    was started.
    """
    peak_kb, status = 0, Path(f"/proc/{process.pid}/status")
    while process.poll() is None:
        if found := re.search(r"VmHWM:\s+(\d+) kB", status.read_text()):
            peak_kb = int(found[1])
        time.sleep(LOOKS_EVERY_S)
    return round(peak_kb / 1024, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
