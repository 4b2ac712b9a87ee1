"""Rows to Salesforce: Collections of one object, up to five in one Composite, parents first, one result for each row
(DESIGN 5).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sync.clock import Deadline
from sync.crm import CrmRow
from sync.errors import Terminal, Transient
from sync.gateways.names import Names
from sync.gateways.salesforce_client import HEAVY_PARTS, Part, PartAnswer, SalesforceHttp, checked_id, part_name
from sync.gateways.salesforce_creation import of_creation
from sync.gateways.salesforce_errors import first_error, of_call
from sync.gateways.salesforce_gone import without_what_is_gone
from sync.gateways.salesforce_reads import Schema
from sync.gateways.salesforce_results import of_whole, read_results
from sync.gateways.salesforce_tasks import TASK, Tasks
from sync.mapping import Mappings
from sync.ports import NewAccount, OutRow, RowResult

Json = dict[str, Any]
Key = tuple[str, str]  # (object, external key)

#: Records in one Collections call.
RECORDS = 200
#: How often a call with new Accounts is sent without those that were refused, in all.
PLANTED_AGAIN = 3
#: Parents before children.
ORDER = (
    "Account",
    "Opportunity",
    "Quote",
    "QuoteLineItem",
    "Product2",
    "Billing_Subscription__c",
    "Billing_Subscription_Item__c",
    "Billing_Invoice__c",
    "Billing_Payment__c",
    "Billing_Issue__c",
)
CURRENCY = "CurrencyIsoCode"


@dataclass(frozen=True)
class Chunk:
    """Rows of one object and key field that travel in one Collections call."""

    sobject: str
    key_field: str
    rows: tuple[OutRow, ...]


class Writes:
    """Flushing of one org."""

    def __init__(self, http: SalesforceHttp, mappings: Mappings, names: Names, schema: Schema) -> None:
        self._http = http
        self._mappings = mappings
        self._names = names
        self._schema = schema
        self.tasks = Tasks(http)

    def flush(self, rows: Sequence[OutRow], deadline: Deadline) -> tuple[Mapping[int, RowResult], str | None]:
        """As `sync.ports.SalesforceGateway.flush` says. Raises when the first call fails as a whole; a later one that
        does leaves its rows with a transient result.
        """
        tasks = [r for r in rows if r.row.sobject == TASK]
        sent, doubles = _once_each([r for r in rows if r.row.sobject != TASK])
        results: dict[int, RowResult] = {}
        good = [r for r in sent if self._sendable(r, results)]
        request_ids: list[str] = []
        for number, chunks in enumerate(self._calls(good)):
            request_ids += self._answered(chunks, results, deadline, must=number == 0)
        for chunks in self._calls(without_what_is_gone(good, results)):
            request_ids += self._answered(chunks, results, deadline, must=False)
        _hold_children(good, results)
        results.update({double: results[kept] for double, kept in doubles.items()})
        self.tasks.make(tasks, results, deadline)
        return results, request_ids[0] if request_ids else None

    def _answered(
        self, chunks: Sequence[Chunk], results: dict[int, RowResult], deadline: Deadline, *, must: bool
    ) -> list[str]:
        """The request id of one call, whose rows have their results; one that fails as a whole raises if it ``must`` not."""
        try:
            request_id = self._send(chunks, results, deadline)
        except Transient as error:
            if must:
                raise
            lost = of_whole(error)
            results.update({r.id: lost for c in chunks for r in c.rows})
            return []
        return [request_id] if request_id else []

    def create_account(self, fields: Mapping[str, object], contact: Mapping[str, object] | None = None) -> str:
        """As `sync.ports.SalesforceGateway.create_account` says: one Composite, so that a second try finds both or none."""
        parts = [self._creation("Account", fields)]
        if contact is not None:
            parts.append(self._creation("Contact", contact, AccountId=f"@{{{part_name(0)}.id}}"))
        answers = self._http.composite(parts, writing=True, together=True).parts
        refused = [(a, p) for a, p in zip(answers, parts, strict=True) if not a.ok]
        if refused:
            answer, part = next((r for r in refused if not _is_halted(r[0])), refused[0])
            given = fields if part.what == "Account" or contact is None else contact
            raise of_creation(answer.status, answer.body, what=part.what, given=given)
        made = answers[0].body
        return checked_id(str(made.get("id")) if isinstance(made, dict) else "")

    def create_accounts(self, new: Sequence[NewAccount]) -> Sequence[str | None]:
        """As `sync.ports.SalesforceGateway.create_accounts` says: trees, each Account with its Contact, all of a call or
        none of it; one in which some are refused is sent again without them, a few times.
        """
        made: dict[int, str] = {}
        for some in _filling(new):
            left = dict(some)
            for _ in range(PLANTED_AGAIN):
                refused = self._plant(left, made) if left else set[int]()
                left = {n: one for n, one in left.items() if n not in refused}
                if not refused:
                    break
        return [made.get(n) for n in range(len(new))]

    def _plant(self, new: Mapping[int, NewAccount], made: dict[int, str]) -> set[int]:
        """One call: ``made`` has the ids of the Accounts, or returned are those for which it was refused."""
        records = [self._tree(n, fields, contact) for n, (fields, contact) in new.items()]
        path = f"/composite/tree/{self._names.to_org('Account')}"
        answer = self._http.call(
            "POST", path, body={"records": records}, what="Account", writing=True, fits=lambda a: a.status == 400
        )
        body = answer.json()
        results = body.get("results") if isinstance(body, dict) else None
        if not isinstance(results, list) or (answer.status == 400) != bool(body.get("hasErrors")):
            raise of_call(answer.status, body, what="Account", writing=True)
        numbers = {str(r.get("referenceId")): r for r in results if isinstance(r, dict)}
        if answer.status == 400:
            return {n for n in new if {f"account{n}", f"contact{n}"} & numbers.keys()} or set(new)
        made.update({n: checked_id(str(numbers[f"account{n}"].get("id"))) for n in new})
        return set()

    def _tree(self, n: int, fields: Mapping[str, object], contact: Mapping[str, object] | None) -> Json:
        def node(sobject: str, fields: Mapping[str, object]) -> Json:
            attributes = {"type": self._names.to_org(sobject), "referenceId": f"{sobject.lower()}{n}"}
            return {"attributes": attributes, **{self._names.to_org(k): v for k, v in fields.items()}}

        below = {"Contacts": {"records": [node("Contact", contact)]}} if contact is not None else {}
        return {**node("Account", fields), **below}

    def _creation(self, sobject: str, fields: Mapping[str, object], **references: str) -> Part:
        """A new record. What a customer typed is no reference: Composite would take ``@{`` for one."""
        plain = {k: v.replace("@{", "@ {") if isinstance(v, str) else v for k, v in fields.items()}
        body = {self._names.to_org(k): v for k, v in {**plain, **references}.items()}
        return Part("POST", f"/sobjects/{self._names.to_org(sobject)}", body, what=sobject)

    # ------------------------------------------------------------------ what travels together

    def _sendable(self, row: OutRow, results: dict[int, RowResult]) -> bool:
        """Rows that could only do harm or spoil a whole call stay here with a reason."""
        problem = self._problem(row.row)
        if problem is not None:
            results[row.id] = RowResult(ok=False, code="BUG-502", message=problem)
        return problem is None

    def _problem(self, row: CrmRow) -> str | None:
        if row.sobject not in self._mappings.objects:
            return f"{row.sobject} is not mapped; Tandem does not write it."
        allowed = self._mappings[row.sobject].written()
        foreign = sorted(f for f in row.fields if f not in allowed)
        if foreign:
            return f"{row.sobject}.{foreign[0]} is not ours to write."
        if row.key_field == "Id":
            try:
                checked_id(row.key)
            except Terminal:
                return f"{row.sobject}: a row to be updated has no Salesforce id."
        elif row.key_field not in allowed:
            return f"{row.sobject}.{row.key_field} is no key of ours."
        return None if row.key else f"{row.sobject}: a row has no key."

    def _calls(self, rows: Sequence[OutRow]) -> Iterator[list[Chunk]]:
        """Chunks that travel together: five at most, in order. Text that Composite would take for a reference (``@{``)
        travels outside it.
        """
        inside = [r for r in rows if not _refers(r.row)]
        chunks = _chunks(inside)
        for i in range(0, len(chunks), HEAVY_PARTS):
            yield chunks[i : i + HEAVY_PARTS]
        for chunk in _chunks([r for r in rows if _refers(r.row)]):
            yield [chunk]

    def _send(self, chunks: Sequence[Chunk], results: dict[int, RowResult], deadline: Deadline) -> str | None:
        """Results of every row of one call; returns its request id."""
        parts = [self._part(chunk) for chunk in chunks]
        if any(_refers(r.row) for c in chunks for r in c.rows):
            answer = self._http.call(
                "PATCH", parts[0].path, body=parts[0].body, what=parts[0].what, writing=True, deadline=deadline
            )
            read_results(chunks[0].sobject, chunks[0].rows, PartAnswer(answer.status, answer.json()), results)
            return answer.headers.get("x-request-id")
        composite = self._http.composite(parts, writing=True, deadline=deadline)
        for chunk, answered in zip(chunks, composite.parts, strict=True):
            read_results(chunk.sobject, chunk.rows, answered, results)
        return composite.request_id

    def _part(self, chunk: Chunk) -> Part:
        records = [self._record(r.row) for r in chunk.rows]
        path = "/composite/sobjects"
        if chunk.key_field != "Id":
            key_field = self._names.to_org(self._mappings[chunk.sobject].written()[chunk.key_field].api_name)
            path += f"/{self._names.to_org(chunk.sobject)}/{key_field}"
        return Part("PATCH", path, {"allOrNone": False, "records": records}, what=chunk.sobject)

    def _record(self, row: CrmRow) -> Json:
        """The record as JSON: the org's names, None as null (which clears), parents by their external ids."""
        written = self._mappings[row.sobject].written()
        fields = {written[k].api_name: v for k, v in row.fields.items()}
        key_field = "Id" if row.key_field == "Id" else written[row.key_field].api_name
        record: Json = {"attributes": {"type": self._names.to_org(row.sobject)}}
        record |= {self._names.to_org(k): v for k, v in {**fields, key_field: row.key}.items()}
        for relationship, (_, parent_field, key) in row.parents.items():
            record[self._names.to_org(relationship)] = {self._names.to_org(parent_field): key}
        if row.currency and self._schema.multi_currency:
            record[CURRENCY] = row.currency
        return record


def _filling(new: Sequence[NewAccount]) -> Iterator[list[tuple[int, NewAccount]]]:
    """New Accounts by their number, as many as fit into one call with their Contacts."""
    some: list[tuple[int, NewAccount]] = []
    size = 0
    for n, one in enumerate(new):
        own = 1 if one[1] is None else 2
        if size + own > RECORDS:
            yield some
            some, size = [], 0
        some.append((n, one))
        size += own
    if some:
        yield some


def _once_each(rows: Sequence[OutRow]) -> tuple[list[OutRow], dict[int, int]]:
    """Each external id once: of several rows for one record the newest fence is sent, the others share its result."""
    newest: dict[Key, OutRow] = {}
    for row in rows:
        key = _key(row.row)
        if key not in newest or row.fence >= newest[key].fence:
            newest[key] = row
    doubles = {r.id: newest[_key(r.row)].id for r in rows if newest[_key(r.row)].id != r.id}
    return [r for r in rows if r.id not in doubles], doubles


def _chunks(rows: Sequence[OutRow]) -> list[Chunk]:
    """Rows by object, parents first, at most 200 together; the rows of one Account are not parted unless they are more
    than that.
    """
    by_object: dict[tuple[str, str], list[OutRow]] = {}
    for row in rows:
        by_object.setdefault((row.row.sobject, row.row.key_field), []).append(row)
    return [
        Chunk(sobject, key_field, some)
        for (sobject, key_field), group in sorted(by_object.items(), key=lambda item: (_rank(item[0][0]), item[0]))
        for some in _filled(group)
    ]


def _filled(rows: Sequence[OutRow]) -> Iterator[tuple[OutRow, ...]]:
    groups: dict[str, list[OutRow]] = {}
    for row in rows:
        groups.setdefault(row.row.group, []).append(row)
    chunk: list[OutRow] = []
    for group in groups.values():
        if chunk and len(chunk) + len(group) > RECORDS:
            yield tuple(chunk)
            chunk = []
        chunk += group
        while len(chunk) > RECORDS:
            yield tuple(chunk[:RECORDS])
            chunk = chunk[RECORDS:]
    if chunk:
        yield tuple(chunk)


def _rank(sobject: str) -> int:
    return ORDER.index(sobject) if sobject in ORDER else len(ORDER)


def _key(row: CrmRow) -> Key:
    return row.sobject, row.key


def _refers(row: CrmRow) -> bool:
    """Composite replaces ``@{...}`` in any text; ours is to be kept as it is."""
    return any(isinstance(v, str) and "@{" in v for v in (*row.fields.values(), row.key))


def _is_halted(answer: PartAnswer) -> bool:
    """Refused only because another part of the call was."""
    return (first_error(answer.body) or ("",))[0] == "PROCESSING_HALTED"


def _hold_children(rows: Sequence[OutRow], results: dict[int, RowResult]) -> None:
    """A row whose parent was refused in this very flush waits for it, whatever Salesforce said of the row itself."""
    refused = {_key(r.row) for r in rows if r.id in results and not results[r.id].ok}
    for row in rows:
        result = results.get(row.id)
        parents = {(sobject, key) for sobject, _, key in row.row.parents.values()}
        if result is not None and not result.ok and parents & refused:
            message = f"{row.row.sobject} waits for the record that it belongs to."
            results[row.id] = RowResult(
                ok=False,
                code="TEMP-404",
                message=message,
                transient=True,
                status_code=result.status_code,
                unknown=result.unknown,
            )
