"""What must be written so that what is there becomes what should be there. Pure; knows order and what can't be changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from sync.deal.money import plain
from sync.desired.keys import KEY
from sync.facts import Price
from sync.observed import Actual, observe
from sync.plan import Drift, Plan
from sync.records import Desired, Fields, Operation, Ref, Value, Verb

#: Objects that others point at come first; money moves (ACT) come last.
ORDER = (
    "customer", "taxid", "product", "meter", "price", "coupon", "subscription", "schedule", "invoice", "invoiceitem", "creditnote",
    "balance",
)  # fmt: skip
#: Lists whose order says nothing.
UNORDERED = frozenset({"items"})


def diff(desired: Sequence[Desired], actual: Mapping[Ref, Actual]) -> Plan:
    """The plan that makes ``desired`` true. Objects that nobody desires are left alone: we delete nothing.

    A part that differs and can't be changed by us is drift, never an operation; see `Plan.raise_if_unsafe`.
    """
    ids: dict[Ref, Value] = {ref: found.remote_id for ref, found in actual.items()}
    operations: list[Operation] = []
    drift: list[Drift] = []
    complete = True
    for want in desired:
        have = actual.get(want.ref)
        if have is None:
            operations.append(Operation(Verb.CREATE, want.ref, want.create, shared=want.shared, money=want.money))
            complete = complete and not want.unfinished
            continue
        changed = [part for part in want.compare if part in have.compare and not _same(part, want.compare, have, ids)]
        outside = [part for part in changed if not _is_ours(part, want, have, ids)]
        operations += _changes(want, have, [part for part in changed if part not in outside])
        if not _is_half_made(want, have):
            drift += [_drift(want, have, part, ids) for part in outside]
    return Plan(tuple(sorted(operations, key=_rank)), tuple(drift), complete)


def as_named(desired: Sequence[Desired], actual: Mapping[Ref, Actual]) -> Mapping[Ref, Actual]:
    """``actual`` without archived prices that hold a key of ours and have other terms. Stripe keeps keys unique among active
    prices only, so ours is made beside them.
    """
    ids: dict[Ref, Value] = {ref: found.remote_id for ref, found in actual.items()}
    prices = [(want, actual[want.ref]) for want in desired if want.ref.kind == "price" and want.ref in actual]
    archived = [(want, have) for want, have in prices if have.compare.get("active") is False]
    others = {
        want.ref
        for want, have in archived
        if any(
            not (_same(part, want.compare, have, ids) or _is_ours(part, want, have, ids))
            for part in want.compare
            if part in have.compare
        )
    }
    return {ref: found for ref, found in actual.items() if ref not in others}


def as_standing(
    desired: Sequence[Desired], actual: Mapping[Ref, Actual], prices: Iterable[Price]
) -> Mapping[Ref, Actual]:
    """``actual`` with the ``prices`` on which a deal stands already in place of those that have their lookup keys by now.

    A price of ours that lost its key, to another of the same terms or to none, bills on: nobody changed the deal, and an item
    moved to another metered price would lose its use. One whose terms are not those that are wanted says nothing. One that is
    archived while another is active under its key stays archived: Stripe lets no two active prices have one.
    """
    ids: dict[Ref, Value] = {ref: found.remote_id for ref, found in actual.items()}
    wanted = {want.ref.key: want for want in desired if want.ref.kind == "price"}
    found = {}
    for price in prices:
        want, have = wanted.get(price.metadata.get(KEY) or price.lookup_key or ""), observe(price)
        other = actual.get(want.ref) if want else None
        if price.lookup_key and other and other.remote_id != price.id and other.compare.get("active"):
            have = replace(have, compare={k: v for k, v in have.compare.items() if k != "active"})
        if want is not None and all(
            _same(part, want.compare, have, ids) or part == "active" for part in want.compare if part in have.compare
        ):
            found[want.ref] = have
    return {**actual, **found}


def only_needed(plan: Plan) -> Plan:
    """The plan without prices that would be made active again for their own sake: what runs bills on without that, so whoever
    archived one is asked. Something else to write may stand on it, and then it is needed.
    """
    idle = all(o.verb is Verb.UPDATE and o.ref.kind == "price" for o in plan.operations)
    return replace(plan, operations=()) if idle else plan


def _is_ours(part: str, want: Desired, have: Actual, ids: Mapping[Ref, Value]) -> bool:
    """Whether a part that differs may be changed: it can be, and it stands as we left it."""
    if part not in want.update and part not in want.acts:
        return False
    return part not in want.before or _is_half_made(want, have) or _same(part, want.before, have, ids)


def _is_half_made(want: Desired, have: Actual) -> bool:
    """An object that takes two steps and carries no key of ours yet is half made, not changed by somebody."""
    metadata = have.compare.get("metadata")
    return want.unfinished and isinstance(metadata, Mapping) and KEY not in metadata


def _changes(want: Desired, have: Actual, changed: Sequence[str]) -> list[Operation]:
    """One update of all that is changeable, and one action for each part that only an action brings about."""
    plain_parts = [part for part in changed if part in want.update and part not in want.acts]
    found = []
    if plain_parts:
        payload: dict[str, Value] = {}
        for part in plain_parts:
            payload.update(want.update[part])
        found.append(_operation(Verb.UPDATE, want, have, plain_parts, payload))
    for part in (part for part in changed if part in want.acts):
        payload = dict(want.update.get(part, {}))
        found.append(_operation(Verb.ACT, want, have, [part], payload, action=want.acts[part]))
    return found


def _operation(
    verb: Verb, want: Desired, have: Actual, parts: Sequence[str], payload: Mapping[str, Value], *, action: str = ""
) -> Operation:
    before = {part: have.compare[part] for part in parts}
    return Operation(
        verb,
        want.ref,
        payload,
        remote_id=have.remote_id,
        action=action,
        before=before,
        changed=tuple(parts),
        shared=want.shared,
        money=want.money,
    )


def _drift(want: Desired, have: Actual, part: str, ids: Mapping[Ref, Value]) -> Drift:
    as_left = part in want.before and not want.shared  # what is named after what it is was never left otherwise
    wanted, found = _both(part, want.before if as_left else want.compare, have, ids)
    return Drift(want.ref, have.remote_id, part, wanted, found, shared=want.shared)


def _same(part: str, fields: Fields, have: Actual, ids: Mapping[Ref, Value]) -> bool:
    wanted, found = _both(part, fields, have, ids)
    return wanted == found


def _both(part: str, fields: Fields, have: Actual, ids: Mapping[Ref, Value]) -> tuple[Value, Value]:
    """What should be of a part and what is found, in the form in which equal things are equal."""
    wanted, found = fields[part], have.compare[part]
    if part == "metadata" and isinstance(wanted, Mapping) and isinstance(found, Mapping):
        found = {key: found.get(key) for key in wanted}  # keys of others are none of our business
    return _canonical(wanted, ids, part), _canonical(found, ids, part)


def _canonical(value: Value, ids: Mapping[Ref, Value], name: str = "") -> Value:
    """Equal for equal things: references as Stripe ids where they exist, 8.50 as 8.5, lists without order sorted."""
    if isinstance(value, Ref):
        return ids.get(value, f"{value} (not there)")
    if isinstance(value, Decimal):
        return format(plain(value), "f")
    if isinstance(value, Mapping):
        return {key: _canonical(part, ids, key) for key, part in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        parts = [_canonical(part, ids) for part in value]
        return sorted(parts, key=repr) if name in UNORDERED else parts
    return value


def _rank(operation: Operation) -> int:
    if operation.verb is Verb.ACT:
        return len(ORDER)
    return ORDER.index(operation.ref.kind)
