"""What the outside says, as notices: an event of Stripe (webhook or list) and a changed CRM record. Pure: no SDK, no
I/O.

A notice only names what may have changed; nothing in it is believed beyond the ids (DESIGN 1).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sync.ports import Change, NewNotice

#: Fields of an event's object that name other objects, with the kind they name.
_REFERENCES = (
    "customer",
    "invoice",
    "subscription",
    "schedule",
    "payment_intent",
    "charge",
    "product",
    "price",
    "released_subscription",
)


#: What a thin event of Stripe's v2 API says that it is.
THIN = "v2.core.event"


class NotAnEvent(ValueError):
    """The body is no event of Stripe. ``str()`` says which part is missing, without repeating the body."""


def notice_of_event(event: object, source: str, *, body: str = "") -> NewNotice:
    """The notice that ``event`` (parsed JSON) stands for. ``source`` is ``stripe:<account id>``; ``body`` is kept as
    received.

    An object without an id (``invoice.upcoming``) gives ``object_id`` "" and its related ids. Unknown types are notices
    too: who routes them decides. Raises NotAnEvent, and nothing else, for any other JSON value.
    """
    if not isinstance(event, Mapping):
        raise NotAnEvent("the body is no JSON object")
    if event.get("object") == THIN:
        return _notice_of_thin(event, source, body)
    if event.get("object") != "event":
        raise NotAnEvent(f"object is neither 'event' nor '{THIN}'")
    data = event.get("data")
    obj = data.get("object") if isinstance(data, Mapping) else None
    if not isinstance(obj, Mapping):
        raise NotAnEvent("data.object is missing")
    created = obj.get("created")
    return NewNotice(
        source=source,
        external_id=_text(event, "id"),
        type=_text(event, "type"),
        object_kind=_text(obj, "object"),
        object_id=_id(obj) or "",
        object_created_s=created if isinstance(created, int) and not isinstance(created, bool) else None,
        related=dict(_related(obj)),
        body=body,
    )


def _notice_of_thin(event: Mapping[str, Any], source: str, body: str) -> NewNotice:
    """A thin event names the object that it is about, if there is one, and says nothing else."""
    found = event.get("related_object")
    about = found if isinstance(found, Mapping) else {}
    kind = about.get("type")
    return NewNotice(
        source=source,
        external_id=_text(event, "id"),
        type=_text(event, "type"),
        object_kind=kind if isinstance(kind, str) and len(kind) <= 255 else "",
        object_id=_id(about) or "",
        body=body,
    )


def _text(obj: Mapping[str, Any], name: str) -> str:
    value = obj.get(name)
    if not isinstance(value, str) or not value or len(value) > 255:
        raise NotAnEvent(f"{name} is missing")
    return value


def _id(value: object) -> str | None:
    """The id of a reference, expanded or not."""
    if isinstance(value, Mapping):
        value = value.get("id")
    return value if isinstance(value, str) and 0 < len(value) <= 255 else None


def _related(obj: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in _REFERENCES:
        if found := _id(obj.get(name)):
            yield name, found
    parent = obj.get("parent")
    details = parent.get("subscription_details") if isinstance(parent, Mapping) else None
    if isinstance(details, Mapping) and (found := _id(details.get("subscription"))):
        yield "subscription", found
    payment = obj.get("payment")
    if isinstance(payment, Mapping):  # an invoice_payment
        for name in ("payment_intent", "charge"):
            if found := _id(payment.get(name)):
                yield name, found


def notice_of_change(change: Change, source: str) -> NewNotice:
    """The notice of one changed CRM record. ``source`` is ``salesforce:<organisation id>``. The same content is the
    same
    notice, however often it is read.
    """
    what = "deleted" if change.deleted else "changed"
    return NewNotice(
        source=source,
        external_id=f"{change.object}:{change.id}:{change.stamp}:{change.digest[:16]}",
        type=f"{change.object}.{what}",
        object_kind=change.object,
        object_id=change.id,
        related=dict(change.related),
    )
