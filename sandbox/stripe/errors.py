"""Stripe's refusals. Raise a :class:`StripeError` in a handler; the HTTP layer words it as Stripe's JSON."""

from __future__ import annotations

from typing import Any


class StripeError(Exception):
    """One refusal: HTTP status, error type, code, message and the parameter it is about.

    ``extra`` goes into the error object too (``decline_code``, ``payment_intent`` ...). ``storable`` says whether the
    answer is kept under the idempotency key: what fails before a handler ran (validation, 429, 409) is not.
    """

    def __init__(
        self,
        status: int,
        type: str,
        code: str | None,
        message: str,
        param: str | None = None,
        *,
        storable: bool = True,
        headers: dict[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(message)
        self.status, self.type, self.code, self.message, self.param = status, type, code, message, param
        self.storable = storable
        self.headers = headers or {}
        self.extra = extra

    def body(self) -> dict[str, Any]:
        """The JSON of the answer."""
        error: dict[str, Any] = {"message": self.message, "type": self.type}
        if self.code is not None:
            error["code"] = self.code
            error["doc_url"] = f"https://stripe.com/docs/error-codes/{self.code.replace('_', '-')}"
        if self.param is not None:
            error["param"] = self.param
        return {"error": {**error, **self.extra}}


def invalid(message: str, param: str | None = None, code: str | None = None, status: int = 400) -> StripeError:
    """An ``invalid_request_error`` that a handler found (a rule between parameters or of state); 400."""
    return StripeError(status, "invalid_request_error", code, message, param)


def missing_param(param: str) -> StripeError:
    """A parameter that has to be there is not; 400 ``parameter_missing``."""
    return StripeError(
        400, "invalid_request_error", "parameter_missing", f"Missing required param: {param}.", param, storable=False
    )


def no_such(label: str, id: str, param: str = "id") -> StripeError:
    """An unknown id; 404 where it stood in the path (``param`` is ``id``), else 400. Code ``resource_missing``."""
    status = 404 if param == "id" else 400
    return StripeError(status, "invalid_request_error", "resource_missing", f"No such {label}: '{id}'", param)
