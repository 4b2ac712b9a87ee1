"""``composite``: up to 25 calls in one, later ones using answers of earlier ones, together or each for itself."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from sandbox.salesforce.calls import Call, Reply, Router, check_version
from sandbox.salesforce.errors import BodyRefused, SalesforceError
from sandbox.salesforce.store import Row

_MOST, _MOST_HEAVY = 25, 5
_KEYS = {"allOrNone", "collateSubrequests", "compositeRequest"}
_PART_KEYS = {"method", "url", "referenceId", "body", "httpHeaders"}
_METHODS = {"GET", "POST", "PATCH", "PUT", "DELETE"}
_REFERENCE = re.compile(r"@\{([^}]*)\}")
_NAME = re.compile(r"[A-Za-z0-9_]+\Z")
_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")
_ROLLED_BACK = "The transaction was rolled back since another operation in the same transaction failed."


def add_routes(router: Router) -> None:
    """Answer for composites, sending the parts through the same router."""
    router.add("POST", "composite", lambda call: run(router, call))


def run(router: Router, call: Call) -> Reply:
    """200 with one answer for each part, in order; 400 if the composite itself is malformed."""
    body = call.object_body()
    parts, all_or_none = _checked(body)
    mark, effect_before = call.org.store.mark(), call.writer.effect
    answers: list[Reply] = []
    known: dict[str, Reply] = {}
    failed_at: int | None = None
    for at, part in enumerate(parts):
        if all_or_none and failed_at is not None:
            answers.append(_halted(_ROLLED_BACK))
            continue
        answer = _run_part(router, call, part, known)
        known[part["referenceId"]] = answer
        answers.append(answer)
        if answer.status >= 300 and failed_at is None:
            failed_at = at
    if all_or_none and failed_at is not None:
        call.org.store.undo_to(mark)
        call.writer.effect = effect_before
        answers = [answer if at == failed_at else _halted(_ROLLED_BACK) for at, answer in enumerate(answers)]
    return Reply(200, {"compositeResponse": [_written(a, p) for a, p in zip(answers, parts, strict=True)]})


def _written(answer: Reply, part: Row) -> Row:
    headers = {"Location": answer.headers["location"]} if "location" in answer.headers else {}
    return {
        "body": answer.body,
        "httpHeaders": headers,
        "httpStatusCode": answer.status,
        "referenceId": part["referenceId"],
    }


def _halted(message: str) -> Reply:
    return Reply(400, [{"errorCode": "PROCESSING_HALTED", "message": message}])


def _checked(body: Row) -> tuple[list[Row], bool]:
    if unknown := sorted(set(body) - _KEYS):
        raise BodyRefused("JSON_PARSER_ERROR", f'Unrecognized field "{unknown[0]}" in a composite request')
    for name in ("allOrNone", "collateSubrequests"):
        if not isinstance(body.get(name, False), bool):
            raise BodyRefused("JSON_PARSER_ERROR", f"Cannot deserialize instance of boolean: {name}")
    parts = body.get("compositeRequest")
    if not isinstance(parts, list) or not parts or not all(isinstance(part, dict) for part in parts):
        raise BodyRefused("JSON_PARSER_ERROR", "compositeRequest must be a list of subrequests")
    if len(parts) > _MOST:
        raise SalesforceError("LIMIT_EXCEEDED", f"The maximum number of subrequests is {_MOST}, found {len(parts)}")
    if (heavy := sum(_is_heavy(part) for part in parts)) > _MOST_HEAVY:
        text = f"At most {_MOST_HEAVY} subrequests may be query or sObject Collections operations, found {heavy}"
        raise SalesforceError("LIMIT_EXCEEDED", text)
    names = [_checked_part(part) for part in parts]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise SalesforceError("INVALID_FIELD", f"Duplicate referenceId '{twice}' provided in request")
    return parts, bool(body.get("allOrNone", False))


def _checked_part(part: Row) -> str:
    if unknown := sorted(set(part) - _PART_KEYS):
        raise BodyRefused("JSON_PARSER_ERROR", f'Unrecognized field "{unknown[0]}" in a subrequest')
    name, method, url = part.get("referenceId"), part.get("method"), part.get("url")
    if not isinstance(name, str) or not _NAME.match(name):
        raise SalesforceError(
            "INVALID_FIELD", f"Provided referenceId ('{name}') must be letters, digits and underscores"
        )
    if method not in _METHODS:
        raise SalesforceError("INVALID_FIELD", f"Invalid HTTP method '{method}' in subrequest {name}")
    if not isinstance(url, str) or not url.startswith("/services/data/v"):
        raise SalesforceError("INVALID_FIELD", f"The url of subrequest {name} must begin with /services/data/vXX.X/")
    return name


def _is_heavy(part: Row) -> bool:
    path = urlsplit(str(part.get("url", ""))).path
    return bool(re.match(r"/services/data/v[\d.]+/(query|queryAll|composite/sobjects)(/|\Z)", path))


def _run_part(router: Router, call: Call, part: Row, known: dict[str, Reply]) -> Reply:
    mark = call.org.store.mark()
    try:
        url = str(_filled(part["url"], known))
        split = urlsplit(url)
        segments = tuple(unquote(one) for one in split.path.strip("/").split("/"))
        if segments[3:4] == ("composite",) and segments[4:5] != ("sobjects",):
            raise SalesforceError("INVALID_FIELD", "A composite request can't hold another composite request")
        headers = {str(k).lower(): str(v) for k, v in (part.get("httpHeaders") or {}).items()}
        inner = replace(
            call,
            method=part["method"],
            version=check_version(segments[2]),
            parts=segments[3:],
            params=dict(parse_qsl(split.query, keep_blank_values=True)),
            headers=headers,
            body=_filled(part.get("body"), known),
        )
        return router.run(inner)
    except SalesforceError as error:
        call.org.store.undo_to(mark)
        return Reply.refusal(error)


def _filled(value: Any, known: dict[str, Reply]) -> Any:
    """The value with every ``@{name.path}`` replaced by what that part answered."""
    if isinstance(value, dict):
        return {key: _filled(item, known) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, known) for item in value]
    if not isinstance(value, str):
        return value
    whole = _REFERENCE.fullmatch(value)
    if whole:
        return _looked_up(whole.group(1), known)
    return _REFERENCE.sub(lambda match: str(_looked_up(match.group(1), known)), value)


def _looked_up(path: str, known: dict[str, Reply]) -> Any:
    name, _, rest = path.partition(".")
    answer = known.get(name)
    failed = answer is None or answer.status >= 300
    found: Any = None if answer is None or failed else answer.body
    for key, number in _STEP.findall(rest):
        if number:
            found = found[int(number)] if isinstance(found, list) and int(number) < len(found) else None
        else:
            found = found.get(key) if isinstance(found, dict) else None
    if found is None:
        text = f"Invalid reference specified. No value for {path} found in {name}"
        raise SalesforceError("PROCESSING_HALTED", text)
    return found
