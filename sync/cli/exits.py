"""Exit codes, and which failure ends with which (reference: users, 4)."""

from __future__ import annotations

import errno
from enum import IntEnum

import psycopg
import requests

from sync.config import ConfigFault
from sync.errors import SyncError, Transient, Unsafe
from sync.mapping import MappingFaults


class Exit(IntEnum):
    """What a command's exit code says."""

    DONE = 0
    SOME_FAILED = 1
    CONFIGURATION = 2  # usage too
    NOT_FOUND = 3
    NO_RIGHT = 4  # a log-in or a right is missing
    REFUSED = 5  # by a guard
    AWAY = 6  # Stripe, Salesforce, the store or the sandbox does not answer
    DIFFERENT = 7
    INTERRUPTED = 130


#: Codes of the catalogue that say something about the installation, with the exit code they end a command with.
BY_CODE = {
    "CONF-302": Exit.NO_RIGHT,
    "CONF-305": Exit.NO_RIGHT,
    "CONF-307": Exit.NO_RIGHT,
    # A store that belongs to another pair of accounts: starting again can't help, so the supervisor must see 2.
    "CONF-308": Exit.CONFIGURATION,
    "CONF-309": Exit.CONFIGURATION,
}


#: What an output that takes no more says: a full disk, a limit, a broken device. Without the name of a file it is the answer.
NOT_WRITTEN = frozenset({errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EIO})

#: Failures of the store that say themselves what to do; by name, because only `sync.wiring` knows the store's classes.
BY_NAME = {"SchemaNotOurs": Exit.CONFIGURATION}


class NotFound(Exception):
    """What a command was asked about is not known."""

    exit_code = Exit.NOT_FOUND


class Refused(Exception):
    """A guard stands in the way: a person has to agree, or look again."""

    exit_code = Exit.REFUSED


class Misused(Exception):
    """The arguments make no sense together."""

    exit_code = Exit.CONFIGURATION


def of_error(error: Exception) -> tuple[int, list[str]]:
    """The exit code of a failure and the lines that say it; a failure that nobody expected is BUG-502 and exits 1."""
    if isinstance(error, ConfigFault):
        return Exit.CONFIGURATION, ["the configuration can't be used:", *(f"  {fault}" for fault in error.faults)]
    if isinstance(error, MappingFaults):
        return Exit.CONFIGURATION, ["the mappings can't be used:", *(f"  {fault}" for fault in error.faults)]
    if isinstance(error, Transient) and isinstance(error.__cause__, psycopg.Error):
        return Exit.AWAY, [f"the store does not answer: {_first_line(error.__cause__)}"]
    if isinstance(error, SyncError):
        return of_code(error), [f"{error.code}: {error.message}"]
    if isinstance(error, requests.RequestException):
        return Exit.AWAY, [f"no answer over HTTP ({type(error).__name__})"]
    if isinstance(error, OSError) and error.errno in NOT_WRITTEN:
        return Exit.SOME_FAILED, [f"{error.filename or 'the answer'} could not be written: {error.strerror}"]
    code = getattr(error, "exit_code", BY_NAME.get(type(error).__name__))
    if isinstance(code, int):
        return code, str(error).splitlines() or [type(error).__name__]
    return Exit.SOME_FAILED, [f"BUG-502: Tandem met something that it doesn't understand: {type(error).__name__}"]


def of_code(error: SyncError) -> int:
    """The exit code of a failure with a code of the catalogue."""
    if error.code in BY_CODE:
        return BY_CODE[error.code]
    if isinstance(error, Transient):
        return Exit.AWAY
    return Exit.REFUSED if isinstance(error, Unsafe) else Exit.SOME_FAILED


def is_expected(error: Exception) -> bool:
    """Whether a person can do something with the words alone, without a traceback."""
    return not of_error(error)[1][0].startswith("BUG-502")


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
