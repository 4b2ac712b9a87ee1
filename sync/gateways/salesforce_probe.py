"""Whether records of the org may be written, tried and not guessed: describe says nothing of sharing, locks or read-only
records (DESIGN 5, last paragraph).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sync.errors import OutcomeUnknown, Terminal, Transient
from sync.gateways.names import Names
from sync.gateways.salesforce_client import Part, PartAnswer, SalesforceHttp, checked_id, query_path
from sync.gateways.salesforce_errors import first_error, of_call, sorted_error

#: Standard objects whose records others made and we write on.
PROBED = ("Account", "Quote")


@dataclass(frozen=True)
class WriteProbe:
    """What Salesforce said to an empty PATCH of one record. ``record_id`` is None where there is no record to try it on.

    ``code`` and ``message`` are empty where it may be written.
    """

    object_: str
    record_id: str | None
    code: str = ""
    message: str = ""


def probe_writes(http: SalesforceHttp, names: Names, objects: Sequence[str] = PROBED) -> Sequence[WriteProbe]:
    """One record of each object was sent a PATCH without a field, which gives no field a value; two calls in all.

    Raises when Salesforce can't be asked, or when its answer says nothing about rights (Transient).
    """
    found = dict(zip(objects, _records(http, names, objects), strict=True))
    tried = [(name, record_id) for name, record_id in found.items() if record_id]
    parts = [Part("PATCH", f"/sobjects/{names.to_org(name)}/{id_}", {}, what=name) for name, id_ in tried]
    answers = http.composite(parts, writing=True).parts if parts else ()
    said = {name: _probe(name, id_, answer) for (name, id_), answer in zip(tried, answers, strict=True)}
    return [said.get(name) or WriteProbe(name, None) for name in objects]


def _records(http: SalesforceHttp, names: Names, objects: Sequence[str]) -> list[str | None]:
    """The id of a record of each object, the newest; None where there is none."""
    soqls = [f"SELECT Id FROM {names.to_org(name)} ORDER BY CreatedDate DESC LIMIT 1" for name in objects]
    parts = [Part("GET", query_path(soql), what=name) for name, soql in zip(objects, soqls, strict=True)]
    found: list[str | None] = []
    for name, answer in zip(objects, http.composite(parts).parts, strict=True):
        if not answer.ok or not isinstance(answer.body, dict):
            raise of_call(answer.status, answer.body, what=name, writing=False)
        rows: list[Any] = answer.body.get("records") or []
        found.append(checked_id(str(rows[0]["Id"])) if rows else None)
    return found


def _probe(name: str, record_id: str, answer: PartAnswer) -> WriteProbe:
    if answer.ok:
        return WriteProbe(name, record_id)
    first = first_error(answer.body)
    if first is None:
        error = of_call(answer.status, answer.body, what=name, writing=True)
        raise Transient(error.code, error.message) if isinstance(error, OutcomeUnknown) else error
    refusal = sorted_error(*first, what=name)
    if refusal.transient:
        raise Transient(refusal.code, refusal.message)
    if refusal.code == "BUG-502":
        raise Terminal(refusal.code, refusal.message)
    return WriteProbe(name, record_id, refusal.code, f"{refusal.message} ({refusal.status_code})")
