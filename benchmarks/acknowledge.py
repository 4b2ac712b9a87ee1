"""How fast a webhook is acknowledged: Tandem's own web process against the floor, in turns, on the same bodies."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import psycopg
import requests
from sqlalchemy.engine import make_url

from benchmarks import load
from benchmarks.bodies import deliveries
from benchmarks.load import Load
from sync import config, wiring
from workers.embedded import attach_or_start

ROOT = Path(__file__).parents[1]
SECRET = "whsec_benchmark"
CONCURRENCY = 8
#: Many short turns: what else the machine does then falls on both alike, and the median leaves out the turns in which it
#: did not. Few long ones measure the other work: their ratio was between 0.6 and 1.5 on a busy machine.
ROUNDS = 40
EVENTS = 250
WARM_UP = 500
#: The least share of the floor's rate that is good enough.
LEAST_RATIO = 0.85
START_WITHIN_S = 30.0
#: A world that is never asked: the store is pinned to it, so that web need not ask whose events these are.
WORLD = {
    "STRIPE_API_KEY": "sk_test_benchmark",
    "STRIPE_API_BASE": "http://127.0.0.1:9",
    "SALESFORCE_URL": "http://127.0.0.1:9",
    "SALESFORCE_CLIENT_ID": "benchmark",
    "SALESFORCE_CLIENT_SECRET": "benchmark",
    "STRIPE_WEBHOOK_SECRET": SECRET,
    "LOG_LEVEL": "WARNING",
}


@dataclass(frozen=True)
class Acknowledgement:
    """Medians over the rounds, and the median of the ratios of the two rates of each round."""

    floor: Load
    product: Load
    ratio: float
    rounds: int
    events: int
    concurrency: int

    @property
    def good(self) -> bool:
        """Whether the product keeps the floor's pace, as far as it has to."""
        return self.ratio >= LEAST_RATIO

    def as_json(self) -> dict[str, object]:
        """For ``--json``."""
        return {**asdict(self), "least_ratio": LEAST_RATIO, "good": self.good}


def measure(folder: Path, *, rounds: int = ROUNDS, events: int = EVENTS) -> Acknowledgement:
    """Floor and product take turns, the one that begins changing with each round; the first of each only warms up."""
    with attach_or_start(folder / "home") as servers:
        url = servers.database_url
        with (
            _floor(_database(url, "floor")) as floor,
            _product(_database(url, "product"), servers.redis_url, folder) as product,
        ):
            ports = {"floor": floor, "product": product}
            results: dict[str, list[Load]] = {"floor": [], "product": []}
            for number in range(rounds + 1):
                sent = deliveries(events if number else WARM_UP, SECRET, series=f"r{number}x")
                for name in sorted(ports, reverse=bool(number % 2)):
                    done = load.run(ports[name], sent, concurrency=CONCURRENCY)
                    if number:
                        results[name].append(done)
    pairs = zip(results["product"], results["floor"], strict=True)
    ratio = round(median(product.per_s / floor.per_s for product, floor in pairs), 3)
    return Acknowledgement(_middle(results["floor"]), _middle(results["product"]), ratio, rounds, events, CONCURRENCY)


def _middle(loads: Sequence[Load]) -> Load:
    return Load(**{name: round(median(getattr(one, name) for one in loads), 2) for name in Load.__dataclass_fields__})


def _database(url: str, name: str) -> str:
    with psycopg.connect(_plain(url), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    return make_url(url).set(database=name).render_as_string(hide_password=False)


def _plain(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


@contextlib.contextmanager
def _floor(database_url: str) -> Iterator[int]:
    """The floor serves on this port."""
    command = [sys.executable, "-m", "benchmarks.floor", _plain(database_url)]
    with _process(command, {"STRIPE_WEBHOOK_SECRET": SECRET}, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        _answers(port)
        yield port


@contextlib.contextmanager
def _product(database_url: str, redis_url: str, folder: Path) -> Iterator[int]:
    """`tandem web` serves on this port, as it is installed."""
    wiring.upgrade(database_url)
    store = wiring.open_store(config.load(WORLD), database_url=database_url, stripe_account="acct_benchmark")
    with contextlib.closing(store):
        store.cursors.pin_realm({"salesforce": "00D000000000001AAA", "stripe": "acct_benchmark", "livemode": "False"})
    given = {**WORLD, "DATABASE_URL": database_url, "REDIS_URL": redis_url, "TANDEM_HOME": str(folder / "home")}
    command = [sys.executable, "-m", "sync", "web", "--port", "0", "--json"]
    with _process(command, given, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        port = int(_json(process)["url"].rpartition(":")[2])
        _answers(port)
        yield port


def _json(process: subprocess.Popen[bytes]) -> dict[str, str]:
    """The JSON document that the process answers with; it may span lines."""
    assert process.stdout is not None
    text = ""
    while line := process.stdout.readline():
        text += line.decode()
        with contextlib.suppress(ValueError):
            found: dict[str, str] = json.loads(text)
            return found
    raise RuntimeError(f"tandem web ended: {text}")


@contextlib.contextmanager
def _process(command: list[str], environment: Mapping[str, str], *, stdout: int) -> Iterator[subprocess.Popen[bytes]]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    process = subprocess.Popen(command, cwd=ROOT, env={**kept, **environment}, stdin=subprocess.DEVNULL, stdout=stdout)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


def _answers(port: int) -> None:
    deadline = time.monotonic() + START_WITHIN_S
    while True:
        try:
            requests.get(f"http://127.0.0.1:{port}/livez", timeout=1)
            return
        except requests.RequestException:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
