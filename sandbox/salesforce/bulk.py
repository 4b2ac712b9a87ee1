"""Bulk API 2.0: jobs that take or give CSV. A job is done the moment it is asked for; clients may still poll."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from typing import Any

from sandbox.salesforce.calls import Call, CsvText, Reply, Router
from sandbox.salesforce.errors import BodyRefused, SalesforceError, not_found
from sandbox.salesforce.ids import full_id
from sandbox.salesforce.json_text import dumps
from sandbox.salesforce.schema import Entity
from sandbox.salesforce.single import key_field
from sandbox.salesforce.soql_run import QueryRun
from sandbox.salesforce.values import parse

_OPERATIONS = {"insert": "create", "update": "edit", "upsert": "edit", "delete": "delete"}
_DEFAULTS = {"contentType": "CSV", "lineEnding": "LF", "columnDelimiter": "COMMA"}
_NULL = "#N/A"


@dataclass
class _Job:
    """``results``: one list of columns for each row that succeeded or failed."""

    info: dict[str, Any]
    columns: list[str] = field(default_factory=list)
    rows: list[dict[str, str]] = field(default_factory=list)
    succeeded: list[list[str]] = field(default_factory=list)
    failed: list[list[str]] = field(default_factory=list)
    answer: list[dict[str, str]] = field(default_factory=list)


class BulkJobs:
    """The org's jobs, by id."""

    def __init__(self) -> None:
        self._jobs: dict[str, _Job] = {}

    def add_routes(self, router: Router) -> None:
        """Answer for bulk jobs."""
        router.add("POST", "jobs/ingest", self.create_ingest)
        router.add("POST", "jobs/query", self.create_query)
        for kind in ("ingest", "query"):
            router.add("GET", f"jobs/{kind}", lambda call: Reply(200, {"done": True, "records": self._listed(call)}))
            router.add("GET", f"jobs/{kind}/*", lambda call: Reply(200, self._job(call).info))
            router.add("PATCH", f"jobs/{kind}/*", self.change_state)
            router.add("DELETE", f"jobs/{kind}/*", self.forget)
        router.add("PUT", "jobs/ingest/*/batches", self.take)
        router.add("GET", "jobs/ingest/*/successfulResults", self.succeeded)
        router.add("GET", "jobs/ingest/*/failedResults", self.failed)
        router.add("GET", "jobs/ingest/*/unprocessedrecords", self.unprocessed)
        router.add("GET", "jobs/query/*/results", self.query_results)

    def create_ingest(self, call: Call) -> Reply:
        """An open job that waits for its CSV."""
        body = call.object_body()
        operation, name = body.get("operation"), body.get("object")
        if operation not in _OPERATIONS or not isinstance(name, str):
            raise SalesforceError("INVALIDENTITY", f"operation {operation} on object {name} is not supported")
        entity = call.access.entity(name)
        call.access.require(entity, _OPERATIONS[operation])
        for key, value in _DEFAULTS.items():
            if body.get(key, value) != value:
                raise SalesforceError("INVALIDJOB", f"the sandbox takes {key} {value} only")
        info = {"object": entity.name, "operation": operation}
        if operation == "upsert":
            info["externalIdFieldName"] = key_field(call, entity, str(body.get("externalIdFieldName"))).name
        job = self._new(call, info, "ingest", "Open")
        return Reply(200, job.info)

    def create_query(self, call: Call) -> Reply:
        """A job that is complete: the query ran at once."""
        body = call.object_body()
        operation, text = body.get("operation"), body.get("query")
        if operation not in ("query", "queryAll") or not isinstance(text, str):
            raise SalesforceError("INVALIDJOB", "operation must be query or queryAll, with a query")
        run = QueryRun(call.org, call.access, text, call.version, with_deleted=operation == "queryAll")
        _, records = run.run()
        job = self._new(call, {"operation": operation, "object": run.entity_name}, "query", "JobComplete")
        job.answer = [_flat(record) for record in records]
        job.columns = run.selected_names
        job.info["numberRecordsProcessed"] = len(job.answer)
        return Reply(200, job.info)

    def take(self, call: Call) -> Reply:
        """201; the job holds these rows until it is closed."""
        job = self._job(call)
        if job.info["state"] != "Open":
            raise SalesforceError("INVALIDJOBSTATE", f"Job is {job.info['state']}, not Open")
        if not isinstance(call.body, CsvText):
            raise BodyRefused("INVALIDBATCH", "the rows of a job are text/csv")
        reader = csv.DictReader(io.StringIO(str(call.body)))
        job.columns, job.rows = list(reader.fieldnames or []), list(reader)
        return Reply(201)

    def change_state(self, call: Call) -> Reply:
        """``UploadComplete`` runs the job, ``Aborted`` ends it."""
        job, wanted = self._job(call), call.object_body().get("state")
        if wanted not in ("UploadComplete", "Aborted") or job.info["state"] != "Open":
            raise SalesforceError("INVALIDJOBSTATE", f"Job can't go from {job.info['state']} to {wanted}")
        if wanted == "UploadComplete":
            self._process(call, job)
        job.info["state"] = "JobComplete" if wanted == "UploadComplete" else "Aborted"
        return Reply(200, job.info)

    def forget(self, call: Call) -> Reply:
        """204; the job is gone."""
        del self._jobs[self._job(call).info["id"]]
        return Reply(204)

    def succeeded(self, call: Call) -> Reply:
        """The rows that were kept, with their ids."""
        job = self._job(call)
        return _csv(["sf__Id", "sf__Created", *job.columns], job.succeeded)

    def failed(self, call: Call) -> Reply:
        """The rows that were refused, each with why."""
        job = self._job(call)
        return _csv(["sf__Id", "sf__Error", *job.columns], job.failed)

    def unprocessed(self, call: Call) -> Reply:
        """The rows of a job that was aborted."""
        job = self._job(call)
        rows = job.rows if job.info["state"] == "Aborted" else []
        return _csv(job.columns, [list(row.values()) for row in rows])

    def query_results(self, call: Call) -> Reply:
        """A page of rows; ``Sforce-Locator`` is ``null`` on the last."""
        job = self._job(call)
        start, size = call.params.get("locator", "0"), call.params.get("maxRecords", "50000")
        if not start.isdigit() or not size.isdigit() or int(size) < 1:
            raise SalesforceError("INVALID_QUERY_LOCATOR", "invalid query locator")
        page = job.answer[int(start) :][: int(size)]
        end = int(start) + len(page)
        locator = str(end) if end < len(job.answer) else "null"
        reply = _csv(job.columns, [[row.get(name, "") for name in job.columns] for row in page])
        return Reply(200, reply.body, {"sforce-locator": locator, "sforce-numberofrecords": str(len(page))})

    def _listed(self, call: Call) -> list[dict[str, Any]]:
        return [job.info for job in self._jobs.values() if job.info["jobType"] == _JOB_TYPES[call.parts[1]]]

    def _job(self, call: Call) -> _Job:
        job = self._jobs.get(full_id(call.parts[2]) or "")
        if job is None or job.info["jobType"] != _JOB_TYPES[call.parts[1]]:
            raise not_found()
        return job

    def _new(self, call: Call, info: dict[str, Any], kind: str, state: str) -> _Job:
        job_id = call.org.mint.new("750")
        more = {
            "id": job_id,
            "createdById": call.access.user.id,
            "createdDate": call.org.now,
            "systemModstamp": call.org.now,
            "state": state,
            "concurrencyMode": "Parallel",
            "apiVersion": call.version[1:],
            "jobType": _JOB_TYPES[kind],
            "numberRecordsProcessed": 0,
            "numberRecordsFailed": 0,
        }
        if kind == "ingest":
            more["contentUrl"] = f"{call.base.removeprefix('/')}/jobs/ingest/{job_id}/batches"
        self._jobs[job_id] = _Job(more | _DEFAULTS | info)
        return self._jobs[job_id]

    def _process(self, call: Call, job: _Job) -> None:
        entity = call.access.entity(job.info["object"])
        for row in job.rows:
            values = [row.get(name) or "" for name in job.columns]
            try:
                record_id, created = _run_row(call, entity, job.info, row)
                job.succeeded.append([record_id, str(created).lower(), *values])
            except SalesforceError as error:
                text = f"{error.code}:{error.message}:{' '.join(error.fields or [])} --"
                job.failed.append([row.get("Id") or "", text, *values])
        job.info["numberRecordsProcessed"] = len(job.rows)
        job.info["numberRecordsFailed"] = len(job.failed)


_JOB_TYPES = {"ingest": "V2Ingest", "query": "V2Query"}


def _run_row(call: Call, entity: Entity, info: dict[str, Any], row: dict[str, str]) -> tuple[str, bool]:
    operation = info["operation"]
    record_id = full_id(row.get("Id") or "")
    if operation in ("update", "delete") and record_id is None:
        raise SalesforceError("MISSING_ARGUMENT", "Id not specified", [])
    if operation == "delete":
        call.writer.delete(entity, str(record_id))
        return str(record_id), False
    data = _as_record(row)
    if operation == "upsert":
        key = key_field(call, entity, info["externalIdFieldName"])
        value = parse(key, data.get(key.name))
        if value is None:
            raise SalesforceError("MISSING_ARGUMENT", f"{key.name} not specified", [])
        creating = not call.writer.matches(entity, key, value)
        done = call.writer.upsert(
            entity, key, value, call.reader.read(entity, data, creating=creating, ignore=(key.name,))
        )
        return done.id, done.created
    if operation == "insert":
        return call.writer.insert(entity, call.reader.read(entity, data, creating=True)), True
    call.writer.update(entity, str(record_id), call.reader.read(entity, data, creating=False, ignore=("Id",)))
    return str(record_id), False


def _as_record(row: dict[str, str]) -> dict[str, Any]:
    """Empty cells are left alone, ``#N/A`` is null, ``Parent__r.Key__c`` names a parent by its external id."""
    record: dict[str, Any] = {}
    for name, text in row.items():
        if text == "" or text is None:
            continue
        parent, dot, key = name.partition(".")
        record[parent] = {key: text} if dot else (None if text == _NULL else text)
    return record


def _flat(record: dict[str, Any], prefix: str = "") -> dict[str, str]:
    cells: dict[str, str] = {}
    for name, value in record.items():
        if name == "attributes":
            continue
        if isinstance(value, dict) and "attributes" in value:
            cells |= _flat(value, f"{prefix}{name}.")
        else:
            cells[prefix + name] = "" if value is None else value if isinstance(value, str) else dumps(value).strip('"')
    return cells


def _csv(columns: list[str], rows: list[list[str]]) -> Reply:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(columns)
    writer.writerows(rows)
    return Reply(200, CsvText(out.getvalue()))
