"""What waits for the org to be set up otherwise goes on by itself once it is: nobody's record says that an admin gave a field back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import structlog

from sync.ports import Mark, Outbox, Subjects, SubjectState

log = structlog.get_logger()

#: Refusals that a change of the org's objects, fields, rights and picklists may cure.
CODES = ("CONF-302", "CONF-304")
#: Those of a customer whose Account the org would not have: its wishes, or our settings, may be others by now.
OF_CUSTOMERS = (*CODES, "CONF-303", "DATA-220")


class DescribedOrg(Protocol):
    """What is asked of Salesforce."""

    def configuration(self) -> str: ...


@dataclass
class Configured:
    """Looks at the org's schema while something waits for it. What was seen last is known to this process only: another one
    looks at each refusal once more, which changes nothing.
    """

    subjects: Subjects
    outbox: Outbox
    salesforce: DescribedOrg
    _seen: str = ""
    _tried: set[str] = field(default_factory=set)

    def look(self) -> int:
        """Subjects and rows that wait for the org's configuration are due again where it changed since the last look, and
        those that were refused since, for which it may be right already. Returns how many. One call, and none while
        nothing waits.
        """
        failed = [(code, one) for code in OF_CUSTOMERS for one in self.subjects.failures(code=code)]
        waiting = {_name(one): one for code, one in failed if code in CODES or one.key.startswith("customer:")}
        rows = {f"{one.code} {one.sobject}": one.code for code in CODES for one in self.outbox.refused(code)}
        names = waiting.keys() | rows.keys()
        self._tried &= names
        if not names:
            return 0
        now = self.salesforce.configuration()
        again = names - self._tried if now == self._seen else names
        marks = [_mark(one) for name, one in waiting.items() if name in again]
        many = self.subjects.mark(marks, reason="org_configured") if marks else 0
        for code in sorted({code for name, code in rows.items() if name in again}):
            many += self.outbox.retry_failed(code)
        self._seen, self._tried = now, self._tried | names
        if many:
            log.info("org_looked_at_again", due=many)
        return many


def _name(one: SubjectState) -> str:
    return f"{one.key} {one.stripe_account}"


def _mark(one: SubjectState) -> Mark:
    return Mark(one.key, one.lane, one.unit, stripe_account=one.stripe_account)
