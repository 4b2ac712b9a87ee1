"""Usage on its way to Stripe."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from sync.store.tables.columns import metadata, one_of, stamp, words

USAGE_STATES = ("waiting", "sending", "sent", "refused", "unknown", "dropped")

usage_events = Table(
    "usage_events",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("source", Text, nullable=False),
    Column("stripe_account", Text, nullable=False, server_default=""),
    Column("identifier", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("customer", Text, nullable=False),
    Column("quantity", BigInteger, nullable=False),
    stamp("happened_at", nullable=False),
    words("named"),  # by what the row named its customer: an Account, a subscription
    Column("state", Text, nullable=False, server_default="waiting"),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("revision", Integer, nullable=False, server_default="0"),  # part of the idempotency key
    stamp("received_machine_at", now=True),
    stamp("retry_machine_at"),  # not before
    stamp("first_sent_at"),  # Stripe remembers the identifier for 24 h from here
    stamp("sent_at"),
    words("request_id", nullable=True),
    words("error_code", nullable=True),
    words("error_message", nullable=True),
    UniqueConstraint("source", "identifier"),
    one_of("state", USAGE_STATES),
    CheckConstraint("quantity >= 0", name="quantity_counts_up"),
)
_UNSENT = usage_events.c.state.in_(("waiting", "sending"))
Index("usage_unsent", usage_events.c.id, postgresql_where=_UNSENT)
Index("usage_not_sent", usage_events.c.state, postgresql_where=usage_events.c.state != "sent")
Index("usage_of_customer", usage_events.c.customer, usage_events.c.event, usage_events.c.happened_at)
Index("usage_set_aside", usage_events.c.id, postgresql_where=usage_events.c.state.in_(("refused", "unknown")))

#: Times that are over whose use we bill ourselves, and until when it may be reported.
usage_windows = Table(
    "usage_windows",
    metadata,
    Column("key", Text, primary_key=True),
    Column("deal", Text, nullable=False),
    Column("customer", Text, nullable=False),
    Column("event", Text, nullable=False),
    stamp("start_at", nullable=False),
    stamp("end_at", nullable=False),
    stamp("closes_at", nullable=False),
    Column("stated", Boolean, nullable=False, server_default=text("false")),
)
Index("usage_windows_of_deal", usage_windows.c.deal)
Index("usage_windows_of_customer", usage_windows.c.customer)
