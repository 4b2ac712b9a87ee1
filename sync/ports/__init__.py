"""What `run` and `apply` need of the outside, as protocols. `sync.store` and `sync.gateways` implement them;
`sync.wiring` joins them.

Two clocks (DESIGN 3): columns and arguments named ``*_machine_at`` / ``*_s`` of a lease are PostgreSQL's machine
time; ``*_at`` is business time.
"""

from sync.ports.keeping import Budgets, Cursors
from sync.ports.knowledge import Facts, Links, NewLink, Promise, Promises
from sync.ports.ledger import Ledger, OpState
from sync.ports.outbox import Flush, Outbox, OutRow, RowResult
from sync.ports.queue import (
    Again,
    Claim,
    Done,
    Due,
    Failed,
    Lane,
    Mark,
    NewNotice,
    Notice,
    Outcome,
    QueueCounts,
    Subjects,
    SubjectState,
)
from sync.ports.salesforce import Change, ChangePage, SalesforceGateway
from sync.ports.stripe import EventPage, Previewed, Snapshot, StripeGateway

__all__ = [
    "Again",
    "Budgets",
    "Change",
    "ChangePage",
    "Claim",
    "Cursors",
    "Done",
    "Due",
    "EventPage",
    "Facts",
    "Failed",
    "Flush",
    "Lane",
    "Ledger",
    "Links",
    "Mark",
    "NewLink",
    "NewNotice",
    "Notice",
    "OpState",
    "OutRow",
    "Outbox",
    "Outcome",
    "Previewed",
    "Promise",
    "Promises",
    "QueueCounts",
    "RowResult",
    "SalesforceGateway",
    "Snapshot",
    "StripeGateway",
    "SubjectState",
    "Subjects",
]
