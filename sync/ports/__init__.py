"""What `run` and `apply` need of the outside, as protocols. `sync.store` and `sync.gateways` implement them;
`sync.wiring` joins them.

Two clocks (DESIGN 3): columns and arguments named ``*_machine_at`` / ``*_s`` of a lease are PostgreSQL's machine
time; ``*_at`` is business time.
"""

from sync.ports.adoption import Adoption, Held, Keyed, RowCounts
from sync.ports.cohorts import Cohorts, Member, Stage
from sync.ports.identities import Apart, Asked, Identities
from sync.ports.keeping import Backup, Budgets, Cursors
from sync.ports.knowledge import Facts, Links, NewLink, Promise, Promises, SignedOn
from sync.ports.ledger import Ledger, OpState
from sync.ports.listing import (
    EVER,
    FACT_KINDS,
    MARKED_KINDS,
    ROW_KINDS,
    AccountPage,
    FactKind,
    FactPage,
    FoundRow,
    QuotePage,
    RowKind,
    RowPage,
    SalesforceLists,
    Span,
    StripeLists,
)
from sync.ports.outbox import Announce, Flush, Opening, Outbox, OutRow, RowResult
from sync.ports.queue import (
    EVERY,
    Again,
    Claim,
    Done,
    Due,
    Failed,
    Failing,
    Lane,
    Mark,
    Moved,
    NewNotice,
    Notice,
    Outcome,
    QueueCounts,
    Subjects,
    SubjectState,
)
from sync.ports.salesforce import Change, ChangePage, NewAccount, SalesforceGateway
from sync.ports.stripe import EventPage, Previewed, Snapshot, StripeGateway

__all__ = [
    "EVER",
    "EVERY",
    "FACT_KINDS",
    "MARKED_KINDS",
    "ROW_KINDS",
    "AccountPage",
    "Adoption",
    "Again",
    "Announce",
    "Apart",
    "Asked",
    "Backup",
    "Budgets",
    "Change",
    "ChangePage",
    "Claim",
    "Cohorts",
    "Cursors",
    "Done",
    "Due",
    "EventPage",
    "FactKind",
    "FactPage",
    "Facts",
    "Failed",
    "Failing",
    "Flush",
    "FoundRow",
    "Held",
    "Identities",
    "Keyed",
    "Lane",
    "Ledger",
    "Links",
    "Mark",
    "Member",
    "Moved",
    "NewAccount",
    "NewLink",
    "NewNotice",
    "Notice",
    "OpState",
    "Opening",
    "OutRow",
    "Outbox",
    "Outcome",
    "Previewed",
    "Promise",
    "Promises",
    "QueueCounts",
    "QuotePage",
    "RowCounts",
    "RowKind",
    "RowPage",
    "RowResult",
    "SalesforceGateway",
    "SalesforceLists",
    "SignedOn",
    "Snapshot",
    "Span",
    "Stage",
    "StripeGateway",
    "StripeLists",
    "SubjectState",
    "Subjects",
]
