"""The pages of `/ops`, as functions of what was read. Every amount has its currency, every instant says UTC and whose clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from markupsafe import Markup

from sync import catalogue, log
from sync.deal.money import format_amount
from sync.ports import SubjectState
from sync.run.overview import LANES, Home, OfCode, Report, Standing, Story
from sync.words import duration, instant
from workers.ops.parts import command, heading, line, link, page, record, search, table

#: Machine seconds after which something due is late, and after which a nightly comparison is.
LATE_S = 600
STALE_S = 26 * 3600
#: Part of Salesforce's daily allowance from which on we warn.
MUCH = 0.8
#: What `told` of the catalogue means, in words.
ROLES: Mapping[str, str] = {
    "rep": "the rep", "ops": "the billing team", "admin": "the Salesforce admin", "sre": "the operator",
    "catalogue": "who keeps the products", "finance": "finance", "owner": "the account owner",
}  # fmt: skip


def home(found: Home, *, version: str) -> str:
    """The installation at a glance: what waits for a person first."""
    now = found.standing
    return page(
        "How billing stands",
        line(
            f"Business time {instant(now.now)}, machine time {instant(now.machine_now)}, release {version}.", quiet=True
        ),
        search(),
        *_paused(now),
        *_failing(found),
        *_identity(found),
        *_not_billed(now),
        *_lanes(now),
        *_display(found),
        *_usage(found),
        *(part for name, report in found.compared.items() for part in _compared(now, name, report)),
        *_heard(now),
    )


def of_code(found: OfCode) -> str:
    """What waits under one code, the longest first."""
    failing, code = found.failing, found.failing.code
    entry = catalogue.entry(code)
    parts = [
        line(f"{entry.plainly} First to act: {_roles(entry.told)}. What to do: {entry.fix}"),
        line(
            f"{failing.many} waiting, {_sums(failing.sums) or 'no sum known'}, the oldest since {instant(failing.oldest)} (business time)."
        ),
    ]
    if not failing.many:
        return page(code, search(), line(entry.plainly), line("Nothing waits for this."))
    rows = [
        (
            record(s.reference, s.reference),
            s.key,
            _amount(s.sum_minor, s.currency),
            instant(s.failed_at),
            _safe(s.error_message),
        )
        for s in found.states
    ]
    parts += [
        line(Markup("Say what a replay would do: {}").format(command(f"tandem replay --code {code}"))),
        table(("Reference", "Record", "Sum", "Since (business time)", "Message"), rows, right=("Sum",)),
    ]
    if failing.many > len(rows):
        parts.append(
            line(f"The {len(rows)} that have waited longest; `tandem failures --code {code}` has all.", quiet=True)
        )
    return page(code, search(), *parts)


def story(name: str, found: Story) -> str:
    """One record: how it stands, and what was done, newest first."""
    parts = [search(name), *(_stands(found.state) if found.state else [])]
    if found.entries:
        headings = (
            "When (machine time)",
            "What",
            "Of",
            "State",
            "Stripe id",
            "Stripe request",
            "Salesforce request",
            "Code",
            "Said",
        )
        parts += [heading("What was done"), table(headings, [_entry(one) for one in found.entries])]
        parts.append(line("The newest only, where there are many; `tandem timeline` has more.", quiet=True))
    else:
        parts.append(line("No run of it was recorded so far."))
    return page(name, *parts)


def nothing(title: str, words: str, *, given: str = "") -> str:
    """A page that says why there is nothing to see."""
    return page(title, *([search(given)] if given else []), line(words))


# ---------------------------------------------------------------- parts of the first page


def _option(scope: str) -> str:
    """How a pause is named to the command that ends it."""
    side, _, account = scope.partition(":")
    return f"--stripe-account {account}" if account else f"--writes {side}"


def _paused(now: Standing) -> list[Markup]:
    if not now.paused:
        return []
    rows = [(scope, reason, command(f"tandem resume {_option(scope)}")) for scope, reason in now.paused.items()]
    return [heading("Writes are paused", "look"), table(("Which", "Why", "To go on"), rows)]


def _failing(found: Home) -> list[Markup]:
    if not found.failing:
        return [heading("What waits for a person", "fine"), line("Nothing.")]
    rows = [
        (
            link(one.code, "/ops/code", id=one.code),
            one.many,
            Markup("<br>").join(format_amount(v, c) for c, v in one.sums.items()) or "not known",
            instant(one.oldest),
            catalogue.entry(one.code).plainly,
            f"{_roles(catalogue.entry(one.code).told)}: {catalogue.entry(one.code).fix}",
            command(f"tandem replay --code {one.code}"),
        )
        for one in found.failing
    ]
    headings = ("Code", "Count", "Sum", "Oldest (business time)", "What it says", "Who acts, and how", "Then")
    return [heading("What waits for a person", "look"), table(headings, rows, right=("Count", "Sum"))]


def _identity(found: Home) -> list[Markup]:
    if not found.questions:
        return [heading("Who is who", "fine"), line("No question is open.")]
    rows = []
    for one in found.questions:
        state, asked = one.state, one.asked
        accounts, customers = (list(asked.accounts), list(asked.customers)) if asked else ([], [])
        answer = f"tandem identity link {accounts[0] if len(accounts) == 1 else 'ACCOUNT'} {customers[0] if len(customers) == 1 else 'CUSTOMER'}"
        rows.append(
            (
                record(state.reference, state.reference), state.key, ", ".join(accounts), ", ".join(customers),
                _amount(state.sum_minor, state.currency), instant(state.failed_at), command(answer),
            )
        )  # fmt: skip
    headings = ("Reference", "Record", "Accounts", "Customers", "Sum", "Since (business time)", "Answer")
    return [
        heading("Who is who", "look"),
        table(headings, rows, right=("Sum",)),
        line("`tandem identity list` has names and evidence.", quiet=True),
    ]


def _not_billed(now: Standing) -> list[Markup]:
    title = "Signed, and not billed"
    if now.late is None:
        return [heading(title, "unknown"), line("No scheduler has looked yet.")]
    many = int(str(now.late.get("late") or 0))
    if not many:
        return [heading(title, "fine"), line("No signed quote waits longer than it should.")]
    sums = cast("Mapping[str, int]", now.late.get("sums_minor") or {})
    oldest = now.late.get("oldest_signed_at")
    said = f"{many} late, {_sums(sums) or 'no sum known'}, the oldest signed {_moment(oldest)} (business time)."
    return [heading(title, "look"), line(said)]


def _lanes(now: Standing) -> list[Markup]:
    late = any(age > LATE_S for age in now.oldest_s.values())
    rows = [(lane, now.counts.due.get(lane, 0), duration(now.oldest_s.get(lane))) for lane in LANES]
    counts = now.counts
    rest = (
        f"{counts.retrying} tried again by themselves, {counts.leased} running, {counts.settling} settling, "
        f"{counts.notices} notices to take in, next wake {instant(counts.next_wake_at)} (business time)."
    )
    return [
        heading("What is due", "look" if late else "fine"),
        table(("Lane", "Due", "Oldest"), rows, right=("Due", "Oldest")),
        line(rest),
    ]


def _display(found: Home) -> list[Markup]:
    now = found.standing
    used = now.calls is not None and now.calls[0] > MUCH * now.calls[1]
    state = "look" if now.rows_refused or used else "unknown" if now.calls is None else "fine"
    calls = f"{now.calls[0]} of {now.calls[1]} calls used today" if now.calls else "calls of today not told yet"
    parts = [
        heading("Towards Salesforce", state),
        line(f"{now.rows} rows waiting, {now.rows_refused} refused; {calls}."),
    ]
    if found.refused:
        rows = [(one.code, one.sobject, one.many, _safe(one.message)) for one in found.refused]
        parts.append(table(("Code", "Object", "Rows", "For example"), rows, right=("Rows",)))
    return parts


def _usage(found: Home) -> list[Markup]:
    if not found.usage:
        return []
    rows = [(g.code, g.many, g.quantity, g.customer, g.event, instant(g.oldest), _safe(g.message)) for g in found.usage]
    headings = ("Code", "Rows", "Quantity", "Customer", "Event", "Oldest (business time)", "Why")
    return [
        heading("Usage that was not billed", "look"),
        table(headings, rows, right=("Rows", "Quantity")),
        line(Markup("Of many, the newest only. Which: {}").format(command("tandem usage list --state refused"))),
    ]


def _compared(now: Standing, name: str, compared: Report | None) -> list[Markup]:
    title = f"Last comparison of both sides{f', {name}' if name else ''}"
    if compared is None:
        return [heading(title, "unknown"), line(Markup("Never. {}").format(command("tandem reconcile")))]
    at, report = compared
    left, stale = int(str(report.get("left") or 0)), (now.machine_now - at).total_seconds() > STALE_S
    said = (
        f"{instant(at)} (machine time): {report.get('accounts')} Accounts, {report.get('found')} differences, "
        f"{report.get('healed')} healed, {left} left{', and it is more than a day old' if stale else ''}."
    )
    kinds = cast("Sequence[Mapping[str, Any]]", report.get("drift") or [])
    parts = [heading(title, "look" if left or stale else "fine"), line(said)]
    if kinds:
        parts.append(
            table(
                ("Left", "Count", "Put right by"),
                [(k["field"], k["count"], k["severity"]) for k in kinds],
                right=("Count",),
            )
        )
    return parts


def _heard(now: Standing) -> list[Markup]:
    title = "Last heard of each side"
    if not now.events:
        return [heading(title, "unknown"), line("Nothing came in so far.")]
    rows = [
        (source, instant(at), duration((now.machine_now - at).total_seconds()))
        for source, at in sorted(now.events.items())
    ]
    return [heading(title), table(("Source", "When (machine time)", "Ago"), rows, right=("Ago",))]


# ---------------------------------------------------------------- parts of the others


def _stands(state: SubjectState) -> list[Markup]:
    said = [line(f"{state.key}, reference {state.reference}.")]
    if state.error_code and state.failed_at:
        since = f"Waits for a person since {instant(state.failed_at)} (business time)"
        said += [
            line(
                Markup("{}, {}: {}").format(
                    since, link(state.error_code, "/ops/code", id=state.error_code), _safe(state.error_message)
                )
            ),
            line(f"Sum at stake: {_amount(state.sum_minor, state.currency) or 'not known'}."),
            line(Markup("Say what a replay would do: {}").format(command(f"tandem replay {state.reference}"))),
        ]
    elif state.error_code:
        said.append(line(f"Is tried again by itself. {state.error_code}: {_safe(state.error_message)}"))
    else:
        said.append(line(f"Stands as it should; next wake {instant(state.wake_at)} (business time)."))
    return said


def _entry(entry: Mapping[str, object]) -> Sequence[object]:
    at = entry.get("machine_at")
    when = instant(at) if isinstance(at, datetime) else None
    code = entry.get("error_code")
    if entry.get("what") == "run":
        what, outcome = f"run ({entry.get('trigger')})", entry.get("outcome") or "open"
        return when, what, entry.get("subject"), outcome, None, None, entry.get("crm_request_id"), code, None
    what = str(entry.get("action") or entry.get("verb"))
    of, told = f"{entry.get('ref_kind')}:{entry.get('ref_key')}", _safe(cast("str | None", entry.get("error_message")))
    return when, what, of, entry.get("state"), entry.get("remote_id"), entry.get("request_id"), None, code, told


def _roles(told: Sequence[str]) -> str:
    return ", ".join(ROLES.get(one, one) for one in told) or "nobody"


def _sums(sums: Mapping[str, int]) -> str:
    return ", ".join(format_amount(v, c) for c, v in sums.items())


def _amount(minor: int | None, currency: str | None) -> str:
    return format_amount(minor, currency) if minor is not None and currency else ""


def _moment(text: object) -> str:
    return instant(datetime.fromisoformat(str(text))) if text else "-"


def _safe(text: str | None) -> str:
    """Words of a record or a vendor, without secrets and addresses."""
    return str(log.redacted(text or ""))
