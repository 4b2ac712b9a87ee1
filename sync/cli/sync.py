"""`tandem sync SUBJECT`: one subject, rehearsed; with --apply, run now."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Protocol, cast

import typer

from sync.cli import places
from sync.cli.exits import Exit, Refused
from sync.cli.naming import mark_of, subject_of
from sync.cli.options import Apply, Json, PlanDigest, Yes
from sync.cli.output import Out
from sync.cli.rehearsal import Rehearsal, keep, rehearse, reviewed, unlike
from sync.ports import Claim, Lane, Subjects, SubjectState

if TYPE_CHECKING:
    from sync.wiring import Services

#: Machine seconds that `--apply` waits for the subject, which another process may be running.
WITHIN_S = 120.0

Subject = Annotated[str, typer.Argument(help="kind:id, an id of Salesforce or Stripe, or a reference such as 7F3K.")]


def sync(subject: Subject, apply: Apply = False, plan: PlanDigest = None, json: Json = False, yes: Yes = False) -> int:
    """Say what a run of SUBJECT would do; with --apply, do it now.

    For example:
      tandem sync 0Q0xx0000004C92AAE
      tandem sync quote:0Q0xx0000004C92AAE --apply --plan 9c41e2d07b11
      tandem sync cus_Qz81 --apply
    """
    out = Out(json)
    with places.services(drain=True) as services:
        key = subject_of(subject, services)
        mark = mark_of(key, services)
        as_of, agreed = reviewed(services, plan) if plan else (None, None)
        rehearsal = rehearse(services, [key], as_of=as_of)
        if agreed is not None and unlike(rehearsal, agreed):
            show(out, rehearsal)
            raise Refused(f"{key} is not as it was reviewed under {plan}; nothing was written.")
        if not apply:
            keep(services, rehearsal)
            show(out, rehearsal)
            out.say(f"nothing was written. apply with: tandem sync {subject} --apply --plan {rehearsal.digest}")
            return exit_of(rehearsal)
        services.subjects.mark([mark], reason="sync")
        return _done(out, run_now(services, key), {one.part: one.name for one in services.everywhere if one.name})


def show(out: Out, rehearsal: Rehearsal) -> None:
    """The rehearsal, each subject with its plan, then counts, calls and the sum."""
    lines: list[str] = []
    for one in rehearsal.subjects:
        where = f" (Stripe account {one.stripe_account})" if one.stripe_account else ""
        lines.append(f"{one.key}: {one.result}{where}")
        if one.plan is not None and not one.code:
            lines += [f"  {line}" for line in one.plan.text().splitlines()]
        elif one.message:
            lines.append(f"  {one.message}")
    lines += [
        f"{row.many} of {row.sobject} that Salesforce refused: sent again ({row.code}: {row.message})"
        for row in rehearsal.rows
    ]
    out.answer("rehearsal", rehearsal.to_json(), [*lines, rehearsal.headline])


def exit_of(rehearsal: Rehearsal) -> int:
    """0 when all would go well, 6 when a side did not answer, else 1."""
    if any(s.passing for s in rehearsal.subjects):
        return Exit.AWAY
    return Exit.SOME_FAILED if any(s.code for s in rehearsal.subjects) else Exit.DONE


def run_now(services: Services, key: str) -> SubjectState | None:
    """The subject as it stands once it is not due any more, or `WITHIN_S` are over. Of the deal lane only its own unit is run here."""
    deadline = time.monotonic() + WITHIN_S
    while True:
        state = services.subjects.state(key)
        if state is None or state.revision == state.done_revision or time.monotonic() > deadline:
            services.pipeline.flusher.run_once()
            return services.subjects.state(key)
        moved = 0
        for one in services.everywhere:
            if state.lane == "deal":
                only = cast("Subjects", OneUnit(one.subjects, state.unit))
                moved += replace(one.pipeline, subjects=only).run_deal()
            else:
                moved += one.pipeline.run_mirror(state.lane)
        if not moved:
            time.sleep(0.05)


class OneUnit:
    """The subjects, of which only those of one unit can be claimed."""

    def __init__(self, subjects: StoredClaims, unit: str) -> None:
        self._subjects = subjects
        self._unit = unit

    def claim_unit(self, lane: Lane) -> Claim | None:
        """As the port says, for this unit alone."""
        return self._subjects.claim_unit(lane, self._unit)

    def __getattr__(self, name: str) -> object:
        return getattr(self._subjects, name)


class StoredClaims(Protocol):
    """The store's claims, which can be asked for one unit."""

    def claim_unit(self, lane: Lane, unit: str | None = None) -> Claim | None: ...


def _done(out: Out, state: SubjectState | None, names: Mapping[str, str]) -> int:
    if state is None:
        return Exit.NOT_FOUND
    waits = state.revision != state.done_revision
    failed = bool(state.error_code) and not waits
    result = f"failed {state.error_code}" if failed else "waits" if waits else "done"
    said = f"{state.key}: {result} (reference {state.reference})"
    value = {"subject": state.key, "result": result, "code": state.error_code, "message": state.error_message}
    if names:
        value["stripe_account"] = names[state.stripe_account]
    out.answer(
        "sync", {**value, "reference": state.reference}, [said, *([state.error_message] if state.error_message else [])]
    )
    return Exit.SOME_FAILED if failed or waits else Exit.DONE
