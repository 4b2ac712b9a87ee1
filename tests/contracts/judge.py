"""The verdict on everything that went over the wire in a run of the tests: ``python -m tests.contracts.judge [folder]``.

Every exchange with Stripe is judged by `stripe_contract.check_exchange`, what was asked and what was answered. The
verdict is bad when anything is wrong, when an endpoint that the gateway can call was never called by Tandem, when a
secret shows, or when there was nothing to judge. ``--partial`` lets endpoints be missing: for runs of a few tests.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from sync.gateways.stripe_operations import METER_EVENT, OPERATIONS, PREVIEW, READS
from tests.contracts.stripe_contract import check_exchange, find_endpoint
from tests.e2e import traffic
from tests.e2e.sandbox import TANDEM

#: What differs between exchanges of one shape: where they stand in the log, their ids, their numbers. Twelve digits at a
#: time, so that a number with more than the twelve decimals that Stripe takes still looks unlike one with fewer.
PLACE = re.compile(r'"seq":\d+,"at":"[^"]*"|"idempotency_key":"[^"]*"')
ID = re.compile(r"_[A-Za-z0-9]{14,}")
NUMBER = re.compile(r"\d{1,12}")
SECRET = re.compile(r"\b(?:sk|rk)_(?:test|live)_\w+|\bwhsec_\w+|\bBearer [\w.!-]+")
#: One of these stands in every secret; looking for them first is far quicker than the expression above.
SECRET_SIGNS = ("k_test_", "k_live_", "whsec_", "Bearer ")
#: Wrong things of one kind are shown once, and no more kinds than these.
MOST_SHOWN = 40
#: Fewer logs than these are not worth another process.
FILES_A_PART = 20


@dataclass
class Verdict:
    """``judged`` counts exchanges by endpoint; ``by_tandem`` only those that Tandem asked; ``errors`` counts each wrong thing."""

    judged: Counter[str] = field(default_factory=Counter)
    by_tandem: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)

    def unseen(self) -> list[str]:
        """Endpoints that the gateway can call and that Tandem never called."""
        return sorted(callable_endpoints() - set(self.by_tandem))


def callable_endpoints() -> set[str]:
    """Every endpoint of the gateway as ``METHOD template``, by the names that Stripe's own library gives them."""
    return {
        _name(e.method, e.path.replace("{id}", "some_id")) or f"{e.method} {e.path}"
        for e in (*OPERATIONS.values(), *READS.values(), PREVIEW, METER_EVENT)
    }


def judge(lines: Iterable[str]) -> Verdict:
    """What is to be said about these lines of traffic logs. Exchanges of one shape are looked at once, and counted each."""
    verdict, known = Verdict(), dict[str, list[str]]()
    for line in lines:
        if any(sign in line for sign in SECRET_SIGNS) and (secret := SECRET.search(line)):
            verdict.errors[f"a secret shows in the log: {secret[0][:12]}..."] += 1
        if '"system":"salesforce"' in line[:200]:
            continue
        record = json.loads(line)
        if record["system"] != "stripe":
            continue
        shape = NUMBER.sub("0", ID.sub("_", PLACE.sub("", line)))
        name = _named(record["method"], ID.sub("_x", record["path"])) or f"{record['method']} {record['path']}"
        verdict.judged[name] += 1
        if record["client"].startswith(TANDEM):
            verdict.by_tandem[name] += 1
        if shape not in known:
            known[shape] = [str(p) for p in check_exchange(record) if p.severity == "error"]
        for problem in known[shape]:
            verdict.errors[f"{name} by {record['client']}: {problem}"] += 1
    return verdict


@lru_cache(maxsize=10_000)
def _named(method: str, path: str) -> str | None:
    return _name(method, path)


def _name(method: str, path: str) -> str | None:
    endpoint = find_endpoint(method, path)
    return f"{endpoint.method} {endpoint.template}" if endpoint else None


def judge_folder(folder: Path) -> Verdict:
    """What is to be said about all logs of a folder, looked at by every processor."""
    files = sorted(folder.glob("*.jsonl"))
    parts = max(1, min(os.cpu_count() or 1, len(files) // FILES_A_PART))
    if parts == 1:
        return judge(_lines(files))
    with ProcessPoolExecutor(parts) as pool:
        found = list(pool.map(_judge_files, (files[n::parts] for n in range(parts))))
    whole = Verdict()
    for verdict in found:
        whole.judged.update(verdict.judged)
        whole.by_tandem.update(verdict.by_tandem)
        whole.errors.update(verdict.errors)
    return whole


def _judge_files(files: Sequence[Path]) -> Verdict:
    return judge(_lines(files))


def _lines(files: Iterable[Path]) -> Iterator[str]:
    for file in files:
        with file.open(encoding="utf-8") as lines:
            yield from (line for line in lines if line.strip())


def report(verdict: Verdict, *, partial: bool) -> list[str]:
    """What is wrong, in lines; empty when all is well."""
    wrong = [f"{count} x {text}" for text, count in verdict.errors.most_common(MOST_SHOWN)]
    if len(verdict.errors) > MOST_SHOWN:
        wrong.append(f"and {len(verdict.errors) - MOST_SHOWN} other kinds")
    if not (verdict.judged or partial):
        wrong.append("nothing was judged: no exchange with Stripe was kept")
    if not partial:
        wrong += [f"never called by Tandem in this run: {name}" for name in verdict.unseen()]
    return wrong


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when everything was as Stripe has it, else 1."""
    parser = argparse.ArgumentParser(prog="judge", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=traffic.folder())
    parser.add_argument(
        "--partial", action="store_true", help="a run of a few tests: not every endpoint need be called"
    )
    options = parser.parse_args(arguments)
    verdict = judge_folder(options.folder)
    wrong = report(verdict, partial=options.partial)
    if not options.partial or wrong:
        for name, count in sorted(verdict.judged.items()):
            print(f"{count:7d} judged, {verdict.by_tandem[name]:7d} by Tandem  {name}")
    print(
        f"contract: {verdict.judged.total()} exchanges with Stripe on {len(verdict.judged)} endpoints, {len(wrong)} complaints"
    )
    for text in wrong:
        print(f"  {text}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
