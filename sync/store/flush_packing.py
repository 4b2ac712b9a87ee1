"""Which waiting rows travel together in one call to Salesforce. Pure: rows in, choice out.

One Composite carries at most five Collections calls, each with at most 200 rows of one object (DESIGN 5, Writes).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sync.store.crm_content import rank_of

ROWS_A_CALL = 200


@dataclass(frozen=True)
class Candidate:
    """A row that may go now, as far as its own back-off is concerned. ``parents`` read ``object:key``."""

    id: int
    sobject: str
    key: str
    group: str
    parents: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.sobject}:{self.key}"


@dataclass
class _Load:
    """What is packed so far, and whether more still fits."""

    limit: int
    calls: int
    rows: dict[str, Candidate]
    per_object: Counter[str]

    def fits(self, more: Sequence[Candidate]) -> bool:
        counts = self.per_object + Counter(row.sobject for row in more)
        calls = sum(-(-count // ROWS_A_CALL) for count in counts.values())
        return len(self.rows) + len(more) <= self.limit and calls <= self.calls

    def add(self, more: Sequence[Candidate]) -> None:
        self.rows.update({row.name: row for row in more})
        self.per_object.update(row.sobject for row in more)


def pack(candidates: Sequence[Candidate], in_crm: Collection[str], *, limit: int, calls: int) -> list[Candidate]:
    """The rows of the next flush, parents' objects first; ``candidates`` come oldest first, ``in_crm`` names parents the CRM has.

    Groups go whole; only one that is larger than a whole flush is split, parents first, wherever it stands: many accounts
    with rows of six objects each share two flushes. A row is left out when a parent of it is neither in the CRM nor
    packed before it.
    """
    load = _Load(limit, calls, {}, Counter())
    for group in _by_group(candidates).values():
        ready = _ready(group, in_crm, load.rows)
        if load.fits(ready):
            load.add(ready)
        elif not _Load(limit, calls, {}, Counter()).fits(ready):
            load.add(_beginning(ready, in_crm, load))
    return sorted(load.rows.values(), key=lambda row: (rank_of(row.sobject), row.group, row.id))


def _by_group(candidates: Sequence[Candidate]) -> Mapping[str, list[Candidate]]:
    groups: dict[str, list[Candidate]] = {}
    for row in candidates:
        # Rows of no account have nothing in common, so they need not stay together.
        groups.setdefault(row.group or f"\x00{row.id}", []).append(row)
    return groups


def _ready(group: Sequence[Candidate], in_crm: Collection[str], packed: Mapping[str, Candidate]) -> list[Candidate]:
    """The group's rows whose parents are there before them. Rows of one object share a call, so none can be another's parent in it."""
    ready: dict[str, Candidate] = {}
    for row in sorted(group, key=lambda row: (rank_of(row.sobject), row.id)):
        before = [ready.get(parent) or packed.get(parent) for parent in row.parents if parent not in in_crm]
        if all(parent is not None and rank_of(parent.sobject) < rank_of(row.sobject) for parent in before):
            ready[row.name] = row
    return list(ready.values())


def _beginning(rows: Sequence[Candidate], in_crm: Collection[str], load: _Load) -> list[Candidate]:
    """As many of these rows, from the first, as still fit beside what is packed; no row goes without its parents."""
    taken: dict[str, Candidate] = {}
    for row in rows:
        there = all(parent in in_crm or parent in taken or parent in load.rows for parent in row.parents)
        if there and load.fits([*taken.values(), row]):
            taken[row.name] = row
    return list(taken.values())
