"""A Tandem process that is killed right after a side has answered a create, before anything of the answer is kept; or right
before it asks for it.

Run as ``python -m tests.e2e.dying`` with its orders as JSON on stdin; it kills itself with SIGKILL, or ends with 1 when
it never came to the place where it should have died.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from sync.clock import Deadline
from sync.gateways.salesforce_gateway import SalesforceOrg
from sync.gateways.stripe_client import StripeAccount
from sync.ports import OutRow, RowResult
from sync.records import Operation, Sent
from sync.run.drain import drain
from sync.wiring import build
from tests.e2e.sandbox import ROOT
from tests.e2e.tandem import Tandem, settings_for_url

DIE_WITHIN_S = 60


def die_after_creating(kind: str, tandem: Tandem) -> None:
    """Another process with the settings of ``tandem`` drains until Stripe has made its first object of this kind, and is killed there."""
    _die(tandem, kind=kind)


def die_before_creating(kind: str, tandem: Tandem) -> None:
    """As `die_after_creating`, but with the first object of this kind written down as sent and never asked for."""
    _die(tandem, never=kind)


def die_after_flushing(sobject: str, tandem: Tandem) -> None:
    """As `die_after_creating`, once Salesforce has answered the first flush with a row of this object."""
    _die(tandem, sobject=sobject)


def _die(tandem: Tandem, **at: str) -> None:
    orders = {
        **at, "url": tandem.world.control_url, "database_url": tandem.database_url,
        "redis_url": tandem.redis_url, "settings": tandem.given,
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "tests.e2e.dying"],
        cwd=ROOT, input=json.dumps(orders), capture_output=True, text=True, timeout=DIE_WITHIN_S, check=False,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, (
        f"it did not die: {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
    )


def _main(orders: Mapping[str, Any]) -> int:
    send, flush = StripeAccount.send, SalesforceOrg.flush

    def send_and_die(self: StripeAccount, operation: Operation, payload: Mapping[str, object], key: str) -> Sent:
        if operation.ref.kind == orders.get("never"):
            os.kill(os.getpid(), signal.SIGKILL)
        answer = send(self, operation, payload, key)
        if operation.ref.kind == orders.get("kind"):
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    def flush_and_die(
        self: SalesforceOrg, rows: Sequence[OutRow], deadline: Deadline
    ) -> tuple[Mapping[int, RowResult], str | None]:
        answer = flush(self, rows, deadline)
        if any(row.row.sobject == orders.get("sobject") for row in rows):
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    StripeAccount.send = send_and_die  # type: ignore[method-assign]
    SalesforceOrg.flush = flush_and_die  # type: ignore[method-assign]
    settings = settings_for_url(orders["url"], **orders["settings"])
    services = build(settings, database_url=orders["database_url"], redis_url=orders["redis_url"], drain=True)
    drain(services.pipeline)
    return 1


if __name__ == "__main__":
    sys.exit(_main(json.load(sys.stdin)))
