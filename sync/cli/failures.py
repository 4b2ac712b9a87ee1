"""`tandem failures`: what waits for a person, grouped by cause, with the money behind it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Annotated

import typer

from sync import catalogue
from sync.cli import places
from sync.cli.naming import code_of
from sync.cli.options import Json, Yes
from sync.cli.output import Out, instant, table
from sync.cli.several import StripeAccount, names_of, part_named
from sync.cli.since import since_of
from sync.deal.money import format_amount, format_major
from sync.ports import OutRow, SubjectState
from sync.ports.usage import UsageGroup

NO_NAMES: Mapping[str, str] = MappingProxyType({})
Code = Annotated[str | None, typer.Option("--code", help="Only this code, for example CONF-301.")]
Since = Annotated[
    str | None, typer.Option("--since", help="Failed within: 24h, 7d, 90min, or a date and time with zone.")
]


@dataclass(frozen=True)
class Group:
    """Failures of one code and one cause. Sums are minor units by currency; ``oldest`` is business time."""

    code: str
    cause: str
    keys: tuple[str, ...]
    sums: Mapping[str, int]
    oldest: datetime | None
    references: tuple[str, ...]
    accounts: tuple[str, ...] = ()  # names of the Stripe accounts, where they have names

    def to_json(self) -> dict[str, object]:
        """As JSON types, sums in major units."""
        found = catalogue.entry(self.code)
        return {
            "code": self.code,
            "cause": self.cause,
            "count": len(self.keys),
            "sums": {c: format_major(v, c).replace(",", "") for c, v in self.sums.items()},
            "oldest": self.oldest,
            "subjects": list(self.keys),
            "references": list(self.references),
            "told": list(found.told),
            "fix": found.fix,
            **({"stripe_accounts": list(self.accounts)} if self.accounts else {}),
        }


def failures(
    code: Code = None, since: Since = None, stripe_account: StripeAccount = None, json: Json = False, yes: Yes = False
) -> int:
    """List what waits for a person, grouped by code and cause: the most first.

    With --since or --stripe-account only records that have billing of their own: of rows that Salesforce refused, and of
    usage, nobody knows the business time or the Stripe account.

    For example:
      tandem failures
      tandem failures --code CONF-301 --since 24h --json
    """
    code = code_of(code)
    with places.store() as store:
        part, all_ = part_named(store, stripe_account), not since and stripe_account is None
        found = store.subjects.failures(code=code, since=since_of(since, store.clock.now()))
        rows = [row for row in store.outbox.failed_rows() if code in (None, row[1])] if all_ else []
        usage = [g for g in store.usage.set_aside_of() if code in (None, g.code)] if all_ else []
        groups = grouped([s for s in found if part in (None, s.stripe_account)], names_of(store))
        show(Out(json), groups, rows, usage)
    return 0


def grouped(found: Sequence[SubjectState], names: Mapping[str, str] = NO_NAMES) -> list[Group]:
    """By code and cause; the largest groups first, then the oldest. ``names`` are those of the Stripe accounts, if any."""
    together: dict[tuple[str, str], list[SubjectState]] = defaultdict(list)
    for state in found:
        together[(state.error_code or "BUG-502", cause_of(state))].append(state)
    groups = [_group(code, cause, states, names) for (code, cause), states in together.items()]
    return sorted(groups, key=lambda g: (-len(g.keys), g.oldest.timestamp() if g.oldest else 0.0, g.code))


def cause_of(state: SubjectState) -> str:
    """What failures have in common: the words up to the first that names the record (a headline names product and field)."""
    message = (state.error_message or "").strip()
    headline, dot, _ = message.partition(". ")
    return headline + (dot.strip() if dot else "")


def show(
    out: Out, groups: Sequence[Group], rows: Sequence[tuple[OutRow, str, str]], usage: Sequence[UsageGroup] = ()
) -> None:
    """The groups, the rows that Salesforce refused, and the usage that was not billed."""
    value = {
        "groups": [g.to_json() for g in groups],
        "rows": [{"object": r.row.sobject, "key": r.row.key, "code": c, "message": m} for r, c, m in rows],
        "usage": [vars(g) for g in usage],
    }
    if not groups and not rows and not usage:
        out.answer("failures", value, "nothing waits for a person")
        return
    lines = [
        (g.code, len(g.keys), _sums(g.sums), instant(g.oldest), ", ".join(g.references[:3]), _cause(g)) for g in groups
    ]
    refused = Counter((c, r.row.sobject, m) for r, c, m in rows)
    lines += [(c, n, "", "", sobject, m) for (c, sobject, m), n in refused.most_common()]
    lines += [(g.code, g.many, "", instant(g.oldest), g.example, f"{g.customer}: {g.message}") for g in usage]
    headings = ("CODE", "COUNT", "SUM", "OLDEST", "FOR EXAMPLE", "CAUSE")
    out.answer("failures", value, table(headings, lines, right=("COUNT", "SUM")))
    for code in sorted({g.code for g in groups} | {code for code, _, _ in refused}):
        out.say(f"{code}: {catalogue.entry(code).fix} If it does not go on by itself: tandem replay --code {code}")
    for code in sorted({g.code for g in usage}):
        out.say(f"{code}: see `tandem usage status`; then `tandem usage retry` or `tandem usage drop`.")


def _cause(group: Group) -> str:
    return f"{group.cause} (Stripe account {', '.join(group.accounts)})" if group.accounts else group.cause


def _group(code: str, cause: str, states: Sequence[SubjectState], names: Mapping[str, str]) -> Group:
    sums: Counter[str] = Counter()
    for state in states:
        if state.sum_minor is not None and state.currency:
            sums[state.currency.upper()] += state.sum_minor
    stamps = [s.failed_at for s in states if s.failed_at]
    return Group(
        code=code,
        cause=cause,
        keys=tuple(s.key for s in states),
        sums=dict(sorted(sums.items())),
        oldest=min(stamps) if stamps else None,
        references=tuple(s.reference for s in states),
        accounts=tuple(sorted({names[s.stripe_account] for s in states if s.stripe_account in names})),
    )


def _sums(sums: Mapping[str, int]) -> str:
    return ", ".join(format_amount(v, c) for c, v in sums.items())
