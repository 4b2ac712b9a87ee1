"""`python -m benchmarks`: what Tandem costs, measured here and now. Exit 1 when a result misses its limit."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import acknowledge, calls
from benchmarks.acknowledge import LEAST_RATIO, Acknowledgement
from benchmarks.calls import Variant
from benchmarks.invoices import MOST_SALESFORCE_CALLS, MOST_STRIPE_CALLS

ALL = ("ack", "calls")


def main(arguments: Sequence[str]) -> int:
    """0 when every result is within its limit, else 1."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", choices=ALL, help="Measure only this.")
    parser.add_argument("--json", action="store_true", help="One JSON document on stdout instead of tables.")
    given = parser.parse_args(arguments)
    found: dict[str, Any] = {"machine": machine()}
    good, lines = True, [f"machine: {found['machine']}"]
    with tempfile.TemporaryDirectory(prefix="tandem-bench-", ignore_cleanup_errors=True) as folder:
        os.chmod(folder, 0o755)  # the embedded PostgreSQL runs as another user when we are root
        if given.only in (None, "ack"):
            ack = acknowledge.measure(_own(folder, "ack"))
            found["acknowledgement"], good = ack.as_json(), good and ack.good
            lines += ["", *ack_table(ack)]
        if given.only in (None, "calls"):
            variants = calls.measure(_own(folder, "calls"))
            found["calls"], good = [v.as_json() for v in variants], good and all(v.good for v in variants)
            lines += ["", *calls_table(variants)]
    print(json.dumps({**found, "good": good}, indent=2) if given.json else "\n".join(lines))
    return 0 if good else 1


def machine() -> str:
    """What this was measured on."""
    return f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"


def ack_table(ack: Acknowledgement) -> list[str]:
    """Rates and latencies, floor and product, and the ratio that is asserted."""
    rows = [("floor S", ack.floor), ("tandem web", ack.product)]
    verdict = "good" if ack.good else "MISSED"
    return [
        f"Acknowledging webhooks: medians of {ack.rounds} rounds of {ack.events} events, {ack.concurrency} at a time",
        f"{'':12}{'acks/s':>10}{'p50 ms':>10}{'p95 ms':>10}{'p99 ms':>10}",
        *(f"{name:12}{one.per_s:>10,.0f}{one.p50_ms:>10}{one.p95_ms:>10}{one.p99_ms:>10}" for name, one in rows),
        f"ratio {ack.ratio} of the floor's rate (at least {LEAST_RATIO}): {verdict}",
    ]


def calls_table(variants: Sequence[Variant]) -> list[str]:
    """Calls of each variant beside their limits."""
    return [
        "Calls for 334 fresh invoices of known customers, three events each",
        f"{'':20}{'events':>8}{'Stripe':>8}{'Salesforce':>12}{'standing':>10}{'wrong':>7}",
        *(
            f"{v.name:20}{v.events:>8}{v.calls.stripe:>8}{v.calls.salesforce:>12}{v.calls.standing:>10}{v.wrong:>7}"
            f"  {'good' if v.good else 'MISSED'}"
            for v in variants
        ),
        f"at most {MOST_STRIPE_CALLS} to Stripe and {MOST_SALESFORCE_CALLS} to Salesforce; standing: polls, log-ins and start-up, not counted",
    ]


def _own(folder: str, name: str) -> Path:
    own = Path(folder) / name
    own.mkdir()
    return own


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
