"""What an Account's owner is told of an issue that opens: the words of one Salesforce Task. Pure.

A Task has no field for a key of ours that an org would have to add, so its subject is the key: short words first, the
issue's own key last. Of one issue each opening has another subject.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from sync import catalogue
from sync.crm import CrmRow

TASK, SUBJECT = "Task", "Subject"
#: Salesforce's lengths of Task.Subject and Task.Description.
LONGEST_SUBJECT, LONGEST_DESCRIPTION = 255, 32_000
#: What can't wait: a dispute has a last day for evidence, and an invoice unlike its preview is held or sent wrong.
PRESSING = frozenset({"DATA-226", "BUG-503"})
CLOSING = "Tandem tells this once. Completing the task changes nothing in billing; the Billing Issue closes by itself."


def about(issue: CrmRow) -> str | None:
    """The record that the Task is about: the issue's Account, or the quote of one that names no Account; None without."""
    found = issue.fields.get("Account__c") or issue.fields.get("Quote__c")
    return str(found) if found else None


def owner_task(issue: CrmRow, today: date, over: Mapping[str, object] | None) -> CrmRow | None:
    """The Task for this issue, which opens; None where it is about nobody's Account. ``today`` is the day in the Account's
    zone. ``over`` are the fields as which the issue stood closed before, where it did.
    """
    what = about(issue)
    if what is None:
        return None
    fields = {
        "WhatId": what,
        "Description": _description(issue),
        "ActivityDate": today.isoformat(),
        "Priority": "High" if _text(issue, "Code__c") in PRESSING else "Normal",
        "Status": "Not Started",
    }
    return CrmRow(TASK, SUBJECT, _subject(issue, over), fields, what, quiet=())


def _subject(issue: CrmRow, over: Mapping[str, object] | None) -> str:
    again = f" (again after {over.get('Closed_At__c') or 'it was closed'})" if over is not None else ""
    tail = f"{again} - {issue.key}"[-LONGEST_SUBJECT:]
    words = " ".join(f"{_text(issue, 'Code__c')} {_text(issue, 'Title__c')}".split())
    return (words[: LONGEST_SUBJECT - len(tail)] + tail).strip()


def _description(issue: CrmRow) -> str:
    total = issue.fields.get("Sum__c")
    at_stake = f"Sum: {total:,f} {issue.currency}".strip() if isinstance(total, Decimal) else ""
    fix = catalogue.entry(_text(issue, "Code__c")).fix
    detail = _text(issue, "Detail__c")
    parts = (_text(issue, "Title__c"), detail, "" if fix in detail else fix, at_stake, CLOSING)
    return "\n\n".join(part for part in parts if part)[:LONGEST_DESCRIPTION]


def _text(issue: CrmRow, name: str) -> str:
    return str(issue.fields.get(name) or "")
