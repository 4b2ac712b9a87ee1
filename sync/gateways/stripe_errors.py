"""Every answer of Stripe that is not the wished-for one, sorted by what happens next (DESIGN 4, outcome rules)."""

from __future__ import annotations

from typing import Any

from sync.errors import AlreadyExists, OutcomeUnknown, SyncError, Terminal, Transient, Unsafe
from sync.gateways.http import Answer, NoAnswer, NotSent

#: Longest piece of Stripe's own words that is passed on.
_WORDS = 400


def sorted_answer(answer: Answer, *, what: str, right: str = "", writing: bool) -> SyncError:
    """The error that ``answer`` (not 2xx, or 2xx without JSON) stands for.

    ``what`` names the call in plain words, ``right`` the right of a restricted key that it needs. ``writing`` says that
    the call may have changed something: then a 5xx has an unknown outcome, while a failed look-up only failed.
    """
    error = _error(answer)
    words = str(error.get("message") or f"HTTP {answer.status}")[:_WORDS]
    request_id = answer.headers.get("request-id")
    if answer.ok or answer.status >= 500 or answer.status < 400:
        message = f"Stripe's answer to {what} was no usable one (HTTP {answer.status})."
        if writing:
            return OutcomeUnknown("TEMP-403", message, answered=answer.status >= 500, request_id=request_id)
        return Transient("TEMP-406", message, retry_after_s=answer.retry_after_s())
    if answer.status == 429 and error.get("code") != "lock_timeout":
        return Transient("TEMP-401", "Stripe asks us to slow down.", retry_after_s=answer.retry_after_s())
    if answer.status in (409, 429) or answer.headers.get("stripe-should-retry") == "true":
        return Transient(
            "TEMP-402", "Stripe is busy with this customer's record.", retry_after_s=answer.retry_after_s()
        )
    if is_missing(answer) and (error.get("param") == "customer" or words.startswith("No such customer")):
        # It was there when it was read: the next look finds it gone and says what becomes of the deal, under another key.
        return Transient("TEMP-403", f"The customer was deleted in Stripe meanwhile; it is looked at again: {words}")
    return _refusal(answer.status, error, words, what=what, right=right, request_id=request_id)


def _refusal(
    status: int, error: dict[str, Any], words: str, *, what: str, right: str, request_id: str | None
) -> SyncError:
    if error.get("type") == "idempotency_error":
        return Unsafe("BUG-501", f"We were about to repeat a step with different content and stopped: {words}")
    if status == 401:
        return Terminal("CONF-305", f"Stripe does not accept the API key: {words}", request_id=request_id)
    if status == 403:
        needed = f" It needs the right {right}." if right else ""
        return Terminal("CONF-305", f"The Stripe key may not {what}.{needed}", request_id=request_id)
    if status == 402:
        return Terminal("DATA-218", f"The payment was declined: {words}", request_id=request_id)
    if _already_there(error, words):
        return AlreadyExists("TEMP-402", f"Stripe already has this object: {words}")
    return Terminal(_code_of(error, words), f"Stripe refused to {what}: {words}", request_id=request_id)


def _already_there(error: dict[str, Any], words: str) -> bool:
    return (
        error.get("code") == "resource_already_exists"
        or "already uses that lookup key" in words
        or "already exists" in words
        or (error.get("param") == "event_name" and "already" in words)  # a meter; Stripe's sentence is not documented
    )


def _code_of(error: dict[str, Any], words: str) -> str:
    if "combine currencies" in words:
        return "DATA-203"  # Stripe: one currency a customer while a subscription is live
    if str(error.get("code", "")).startswith("customer_tax_location"):
        return "DATA-202"
    if error.get("code") == "tax_id_invalid":
        return "DATA-216"
    if error.get("code") == "stripe_tax_inactive":
        return "CONF-310"
    return "BUG-502"


def sorted_failure(failure: NotSent | NoAnswer, *, what: str, writing: bool) -> SyncError:
    """The error for a call that was not answered."""
    if isinstance(failure, NoAnswer) and writing:
        return OutcomeUnknown(
            "TEMP-403", f"No answer from Stripe to {what} ({failure}); we check whether it worked.", answered=False
        )
    return Transient("TEMP-406", f"Stripe can't be reached ({failure}).")


def is_missing(answer: Answer) -> bool:
    """Stripe says that it has no such object (404; 400 for one that a list should begin beside): nothing, not an error
    of ours.
    """
    return answer.status in (400, 404) and _error(answer).get("code") == "resource_missing"


def is_nothing_upcoming(answer: Answer) -> bool:
    """A preview found that no invoice would be made: a subscription that ends, a customer who owes nothing."""
    return answer.status in (400, 404) and _error(answer).get("code") == "invoice_upcoming_none"


def _error(answer: Answer) -> dict[str, Any]:
    body = answer.json()
    error = body.get("error") if isinstance(body, dict) else None
    return error if isinstance(error, dict) else {}
