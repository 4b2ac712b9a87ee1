"""`tandem reconcile`: both sides and our own memory held against each other; ours is healed, money is asked for."""

from __future__ import annotations

import getpass
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from sync.cli import places
from sync.cli.differences import busy, code_of, texts_of, told
from sync.cli.exits import Exit, Misused, NotFound, Refused
from sync.cli.in_turn import Told, added, in_turn
from sync.cli.naming import mark_of, subject_of
from sync.cli.options import Apply, Json, PlanDigest, Yes
from sync.cli.output import Out
from sync.cli.several import IN_STRIPE, StripeAccount, chosen, knowing, named
from sync.cli.sync import run_now
from sync.desired.differences import Cure, Difference, Kind
from sync.plan import Plan
from sync.ports.comparing import Accepted
from sync.records import Ref
from sync.run.dealing import deal_key
from sync.run.nightly import name_of
from sync.run.sweep import Report

if TYPE_CHECKING:
    from sync.wiring import Services

NAME = "by hand"
#: When the last comparison of all Stripe accounts by hand began.
TURNS = "reconcile turns"
#: What is added up over several Stripe accounts.
ADDED = (
    "accounts", "found", "healed", "left", "for_a_person", "stripe_calls", "salesforce_calls",
)  # fmt: skip


def reconcile(
    subjects: Annotated[
        list[str] | None, typer.Argument(help="Records to compare; none: everything on both sides.")
    ] = None,
    heal: Annotated[
        Literal["safe"] | None,
        typer.Option(help="Put right what is Tandem's own: rows, fields, links, marks. Never money."),
    ] = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Put back what was changed in Stripe by hand: one write, with --apply.")
    ] = False,
    accept: Annotated[
        bool, typer.Option("--accept", help="Let the differences of these records stand, with --reason and --apply.")
    ] = False,
    reason: Annotated[str | None, typer.Option(help="Why, for the audit.")] = None,
    until: Annotated[str | None, typer.Option(metavar="DAY", help="With --accept: the last day (2026-03-31).")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where the last comparison of everything stopped.")
    ] = False,
    apply: Apply = False,
    plan: PlanDigest = None,
    stripe_account: StripeAccount = None,
    json: Json = False,
    yes: Yes = False,
) -> int:
    """Hold Salesforce, Stripe and Tandem's own memory against each other; exit 7 when differences are left.

    Without records it compares everything: of several Stripe accounts one after the other, or that of --stripe-account.

    For example:
      tandem reconcile
      tandem reconcile --heal=safe
      tandem reconcile 0Q0xx0000004C92AAE
      tandem reconcile 0Q0xx0000004C92AAE --repair --apply --reason "agreed with Acme"
      tandem reconcile 0Q0xx0000004C92AAE --accept --reason "amendment comes" --until 2026-03-31 --apply
    """
    out, records = Out(json), list(subjects or ())
    asked = Asked(
        heal is not None or (apply and not (repair or accept)), repair, accept, reason or "", until, plan, apply
    )
    asked.check(records, resume=resume)
    with places.services(drain=True) as every:
        if not records and every.others and stripe_account is None:
            return _all_in_turn(every, out, heal=asked.heals, resume=resume)
        services = _on_one(every, records, stripe_account) if records else chosen(every, stripe_account)
        if not records:
            return told(out, services, _everything(services, out, heal=asked.heals, resume=resume))
        keys = [subject_of(name, services) for name in records]
        report = compare(services, keys)
        if asked.repair:
            return put_back(out, services, report, asked)
        if asked.accept:
            return let_stand(out, services, keys, asked)
        if asked.heals:
            report = compare(services, keys, heal=True)
            _flush(services)
        return told(out, services, report)


def _everything(services: Services, out: Out, *, heal: bool, resume: bool) -> Report:
    """Everything of one Stripe account is compared."""
    report = services.pipeline.nightly.sweep.run(name_of(NAME, services.part), heal=heal, resume=resume, say=out.say)
    _flush(services)
    return report


def _all_in_turn(every: Services, out: Out, *, heal: bool, resume: bool) -> int:
    """Everything of one Stripe account after the other is compared. With ``resume`` an account that had come to its end
    before the last time was stopped is told as it was found then.
    """
    kept = every.cursors.get(TURNS) if resume else None
    begun = datetime.fromisoformat(str(kept["begun_at"])) if kept else every.clock.now()
    every.cursors.put(TURNS, {"begun_at": begun.isoformat()})
    done: list[str] = []

    def work(one: Services) -> Told:
        found = one.pipeline.nightly.sweep.finished_since(name_of(NAME, one.part), begun) if kept else None
        if found is not None:
            out.say(f"Stripe account {one.name} was compared before the stop")
        report = found or _everything(one, out, heal=heal, resume=resume)
        done.append(one.name)
        return Told(report.to_json(), [*texts_of(report), *busy(report)], code_of(report))

    code = in_turn(out, "reconcile", every, work, _summed)
    if len(done) == len(every.everywhere):
        every.cursors.put(TURNS, {})
    return code


def _summed(values: Sequence[Mapping[str, object]]) -> tuple[Mapping[str, object], str]:
    sums = {name: added(one[name] for one in values) for name in ADDED}
    return sums, f"{sums['found']} differences | {sums['healed']} healed | {sums['left']} left"


def _on_one(every: Services, records: Sequence[str], stripe_account: str | None) -> Services:
    """The equipment for the Stripe account that these records are on. Misused where they are on several."""
    found = [knowing(every, subject_of(name, every), stripe_account) for name in records]
    if other := next((one for one in found if one.part != found[0].part), None):
        raise Misused(
            f"these records are on the Stripe accounts {found[0].name} and {other.name}: compare those of one."
        )
    return found[0]


@dataclass(frozen=True)
class Asked:
    """What the command line asks for."""

    heals: bool
    repair: bool
    accept: bool
    reason: str
    until: str | None
    plan: str | None
    apply: bool

    def check(self, named: Sequence[str], *, resume: bool) -> None:
        """Raises Misused for what makes no sense together."""
        if self.repair and self.accept:
            raise Misused("--repair puts it back, --accept lets it stand: not both.")
        if (self.repair or self.accept) and not named:
            raise Misused("say which record: a decision about money is made one record at a time.")
        if self.accept and not self.reason:
            raise Misused("--accept needs --reason: it is kept in the audit.")
        if self.until and not self.accept:
            raise Misused("--until belongs to --accept.")
        if resume and named:
            raise Misused("--resume goes on with a comparison of everything; leave the records out.")
        self.last_day()

    def last_day(self) -> date | None:
        """The last day of an acceptance; Misused for what is no day."""
        try:
            return date.fromisoformat(self.until) if self.until else None
        except ValueError:
            raise Misused(f"--until {self.until}: give a day as 2026-03-31.") from None


def compare(services: Services, keys: Sequence[str], *, heal: bool = False) -> Report:
    """These records' Accounts, both sides read now."""
    sweep = services.pipeline.nightly.sweep
    products = [key.partition(":")[2] for key in keys if key.startswith("product:01t")]
    accounts = list(dict.fromkeys(account_of(services, key) for key in keys if not key.startswith("product:01t")))
    before = (services.stripe.calls, services.salesforce.calls)
    if unknown := set(products) - set(services.salesforce.products(products) if products else ()):
        raise NotFound(f"there is no product {min(unknown)} in Salesforce.")
    sweep.reconcile.refresh(accounts)
    report = Report(services.clock.now(), finished=True)
    compared = sweep.reconcile.compare(accounts)
    report.add(compared, sweep.healing.heal(compared) if heal else frozenset())
    if products and sweep.reconcile.catalogue:
        sweep.reconcile.catalogue.refresh(products)
        compared = sweep.reconcile.products(products)
        report.add(compared, sweep.healing.heal(compared) if heal else frozenset())
    report.stripe_calls = services.stripe.calls - before[0]
    report.salesforce_calls = services.salesforce.calls - before[1]
    return report


def account_of(services: Services, key: str) -> str:
    """The Account that a subject belongs to. NotFound where there is none."""
    kind, _, id_ = key.partition(":")
    if kind == "account":
        # One that was deleted is compared all the same: what it left behind runs on.
        if services.links.by_salesforce_id([id_], "customer") or services.salesforce.accounts([id_]):
            return id_
        raise NotFound(f"there is no account {id_} in Salesforce, and Tandem knows nothing of it.")
    if kind == "quote":
        graph = services.salesforce.quotes([id_]).get(id_)
        if graph is not None and graph.quote.account_id:
            return graph.quote.account_id
    if kind in IN_STRIPE:
        name = "schedule_id" if id_.startswith("sub_sched_") else IN_STRIPE[kind]
        found = services.stripe.read([Ref(name, id_)]).all()
        customers = [id_] if kind == "customer" else [c for f in found if (c := getattr(f, "customer", None))]
        for link in services.links.by_stripe_id(customers).values():
            return link.salesforce_id
    raise NotFound(f"{key} belongs to no Account that Tandem knows.")


# ------------------------------------------------------------------ decisions


def put_back(out: Out, services: Services, report: Report, asked: Asked) -> int:
    """What was changed by hand is put back, or, without --apply, what would be written for that."""
    changed = list(dict.fromkeys(d.subject for d in report.differences if d.kind is Kind.CHANGED_IN_STRIPE))
    if not changed:
        out.say("nothing of these records was changed in Stripe by hand; nothing was written.")
        return told(out, services, report)
    if len(changed) > 1:
        raise Misused(f"name one deal: {', '.join(changed)} were changed.")
    [key] = changed
    drift, plan = _putting_back(services, key)
    if asked.plan and asked.plan != plan.digest():
        raise Refused(f"{key} is not as it was reviewed under {asked.plan}; nothing was written.")
    if not asked.apply:
        value = {**report.to_json(), **named(services), "repair": {"subject": key, "plan": plan.to_json()}}
        out.answer("reconcile", value, [*texts_of(report), f"to put back {key}:", plan.text()])
        out.say(f"nothing was written. apply with: tandem reconcile {key} --repair --apply --plan {plan.digest()}")
        return Exit.DIFFERENT
    services.decisions.put_back(key, drift, actor=getpass.getuser(), reason=asked.reason)
    services.subjects.mark([mark_of(key, services)], reason="put_back")
    state = run_now(services, key)
    code = state.error_code if state else None
    words = f"{key}: {f'still {code}: {state.error_message}' if state and code else 'put back'}"
    out.answer(
        "reconcile",
        {**report.to_json(), **named(services), "repair": {"subject": key, "plan": plan.to_json(), "code": code}},
        words,
    )
    return Exit.SOME_FAILED if code else Exit.DONE


def _putting_back(services: Services, key: str) -> tuple[str, Plan]:
    """The digest of what was changed, and the plan that puts it back. Raises Unsafe for what no write can put back."""
    quote = key.partition(":")[2]
    found = services.pipeline.quotes.preview(quote)
    again = services.pipeline.quotes.preview(quote, put_back=True)
    if found is None or again is None:
        raise NotFound(f"{key} is not in Salesforce any more: restore it, or end the deal in Stripe.")
    again.plan.raise_if_unsafe()
    return found.plan.drift_digest(), again.plan


def let_stand(out: Out, services: Services, keys: Sequence[str], asked: Asked) -> int:
    """The differences of these records stand by decision, or, without --apply, which those would be."""
    report = compare(services, keys)
    deals = {f"quote:{deal}" for key in keys if (deal := _deal_of(services, key))}
    mine = [d for d in report.left if d.cure is Cure.PERSON and (d.subject in deals or _is_named(d, keys))]
    if not mine:
        out.say("no difference of these records waits for a decision.")
        return told(out, services, report)
    if not asked.apply:
        out.answer(
            "reconcile",
            {**report.to_json(), **named(services), "accept": [d.fingerprint for d in mine]},
            texts_of(report),
        )
        out.say(f"nothing was decided: {len(mine)} would stand. Add --apply.")
        return Exit.DIFFERENT
    for difference in mine:
        decision = Accepted(
            difference.subject, difference.fingerprint, getpass.getuser(), asked.reason, asked.last_day()
        )
        services.decisions.accept(decision)
    return told(out, services, compare(services, keys))


def _deal_of(services: Services, key: str) -> str | None:
    """The deal that a quote makes or changes."""
    kind, _, id_ = key.partition(":")
    graph = services.salesforce.quotes([id_]).get(id_) if kind == "quote" else None
    return deal_key(graph) if graph is not None else None


def _is_named(one: Difference, keys: Sequence[str]) -> bool:
    """Whether a person who names these records means this difference: all of an Account's, else those of an object."""
    ids = one.record.split(", ")
    return any(k in (one.subject, f"account:{one.account_id}") or k.partition(":")[2] in ids for k in keys)


def _flush(services: Services) -> None:
    while services.pipeline.flusher.run_once():
        pass
