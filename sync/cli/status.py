"""`tandem status`: how the installation is doing, from the store alone, so that it answers while a vendor is away."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import cast

from sync.cli import places
from sync.cli.options import Json, Yes
from sync.cli.output import Out, duration, instant, table
from sync.cli.several import ids_of, names_of
from sync.deal.money import format_amount
from sync.run.overview import LANES, Standing, compared_to_json


def status(json: Json = False, yes: Yes = False) -> int:
    """Show the queue by lane, failures by code, the next wake, rows on their way to Salesforce, and the daily allowance.

    For example:
      tandem status
      tandem status --json | jq .failed
    """
    from sync.wiring.overview import (  # the vendors' libraries come with it, which `--help` should not wait for
        StoreOverview,
        standing,
    )

    with places.store() as store:
        found, names = standing(store), names_of(store)
        counted = store.subjects.by_account() if names else {}
        by_account = {name: counted.get(part, (0, 0)) for part, name in names.items()}
        compared = (
            {n: s.comparing.last_report() for n, s in StoreOverview(store).of_every_account().items()} if names else {}
        )
        ids = {f"stripe:{id_}": f"stripe:{name}" for id_, name in ids_of(store).items()}
    several = {
        name: {"open": due, "failed": failed, "last_reconcile": compared_to_json(compared[name])}
        for name, (due, failed) in by_account.items()
    }
    value = {**found.to_json(), **({"stripe_accounts": several} if several else {})}
    told = [
        (f"Stripe account {name}", f"{due} open, {failed} failed, last reconcile {_last(compared[name])}")
        for name, (due, failed) in by_account.items()
    ]
    Out(json).answer("status", value, [table(("", ""), [*_lines(found, ids), *told])])
    return 0


def _lines(found: Standing, names: Mapping[str, str]) -> list[tuple[str, str]]:
    """``names`` are those of sources that people know by another name than their id."""
    counts = found.counts
    lines = [("business time", instant(found.now))]
    for lane in LANES:
        due = counts.due.get(lane, 0)
        age = f", oldest {duration(found.oldest_s.get(lane))}" if due else ""
        lines.append((f"due, {lane}", f"{due}{age}"))
    retry = f", next in {duration(counts.next_retry_in_s)}" if counts.retrying else ""
    lines += [
        ("retrying", f"{counts.retrying}{retry}"),
        ("running, settling", f"{counts.leased}, {counts.settling}"),
        ("notices to take in", str(counts.notices)),
        ("failed", ", ".join(f"{n} {code}" for code, n in counts.failed.items()) or "none"),
        ("next wake", instant(counts.next_wake_at)),
        ("rows for Salesforce", f"{found.rows} waiting, {found.rows_refused} refused"),
        ("signed, not billed", _late(found.late)),
        ("last reconcile", _last(found.compared)),
        ("Salesforce calls today", f"{found.calls[0]} of {found.calls[1]}" if found.calls else "not told yet"),
    ]
    heard = sorted((names.get(source, source), at) for source, at in found.events.items())
    lines += [(f"last heard, {source}", f"{instant(at)} (machine time)") for source, at in heard]
    return lines + [(f"paused, {scope}", reason) for scope, reason in found.paused.items()]


def _late(late: Mapping[str, object] | None) -> str:
    """How many signed quotes have waited too long for billing; "not looked at" until a scheduler ran."""
    if late is None:
        return "not looked at yet"
    if not late.get("late"):
        return "none late"
    sums = cast("Mapping[str, int]", late.get("sums_minor") or {})
    money = ", ".join(format_amount(minor, currency) for currency, minor in sums.items())
    oldest = datetime.fromisoformat(str(late["oldest_signed_at"]))
    return f"{late['late']} late{f', {money}' if money else ''}, the oldest since {instant(oldest)}"


def _last(compared: tuple[datetime, Mapping[str, object]] | None) -> str:
    if compared is None:
        return "never"
    at, report = compared
    told = f"{report.get('found')} differences, {report.get('healed')} healed, {report.get('left')} left"
    return f"{instant(at)} (machine time): {told}"
