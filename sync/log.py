"""Logs: one JSON line an event on stdout or stderr, with the ids of both vendors, without personal data or secrets.

Usage: ``log = structlog.get_logger(); log.info("operation_applied", ref=..., stripe_request_id=...)``. Context that
belongs
to a whole task (reference, subject, digest) is bound once with `structlog.contextvars`.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog
from structlog.tracebacks import ExceptionDictTransformer

#: Anything that looks like a key, token or signing secret of either vendor, wherever it stands in a text.
SECRET = re.compile(
    r"(?:sk|rk|pk)_(?:test|live)_[A-Za-z0-9]+|whsec_[A-Za-z0-9+/=_-]+|00D[A-Za-z0-9]{12,15}![A-Za-z0-9._]+|"
    r"(?:Bearer|Basic)\s+\S+|eyJ[\w-]+\.[\w-]+\.[\w-]+|(?<=://)[^\s/@:]*:[^\s/@]*(?=@)|"
    r"(?<=secret=)[^&\s\"']+|(?<=password=)[^&\s\"']+|(?<=token=)[^&\s\"']+|(?<=assertion=)[^&\s\"']+|"
    r"-----BEGIN[^-]+PRIVATE KEY-----.*?(?:-----END[^-]+PRIVATE KEY-----|\Z)",
    re.DOTALL,
)
#: Fields whose values never belong into a log, whatever they look like.
SECRET_NAMES = re.compile(r"secret|password|token$|authorization|api_key|private_key|signature", re.IGNORECASE)
PERSONAL_NAMES = frozenset(
    {"email", "customer_name", "account_name", "phone", "address", "billing_email", "customer_email"}
)
#: Keys of structlog itself, taken out before a line is written.
_OWN = frozenset({"_record", "_from_structlog"})
EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")


def redacted(value: Any, name: str = "") -> Any:
    """``value`` with secrets and personal data replaced, at any depth; what is no JSON type as its redacted text."""
    if value is None or isinstance(value, bool):
        return value
    if name and SECRET_NAMES.search(name):
        return "[secret]"
    if name.casefold() in PERSONAL_NAMES:
        return "[personal]"
    if isinstance(value, (int, float)):
        return value
    if isinstance(value, Mapping):
        return {redacted(str(k)): redacted(v, str(k)) for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [redacted(v) for v in value]
    return EMAIL.sub("[e-mail]", SECRET.sub("[secret]", str(value)))


def _redact(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {k: v if k in _OWN else redacted(v, k) for k, v in event.items()}


def configure(*, level: str = "INFO", process: str = "", version: str = "") -> None:
    """Every later log line of this process is one JSON object on stderr, redacted; stdout stays for what a command
    answers.
    """
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        # Without locals: they hold keys and personal data.
        structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
        _redact,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer(default=str)],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.bind_contextvars(process=process, version=version)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(default=str),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
