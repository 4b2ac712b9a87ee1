"""One run of `tandem`: a verb, its exit code, and what went wrong in plain words."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import structlog
from typer.exceptions import TyperException

from sync import log as log_lines
from sync.cli.application import application
from sync.cli.exits import Exit, is_expected, of_error
from sync.cli.output import console

log = structlog.get_logger()


def run(arguments: Sequence[str]) -> int:
    """The exit code (reference: users, 4). What went wrong is on stderr in plain words, never as a traceback."""
    # Whatever goes wrong before a verb has read its settings is logged redacted too.
    log_lines.configure(level="WARNING", process="cli")
    try:
        code = application(arguments)(list(arguments), prog_name="tandem", standalone_mode=False)
        if sys.stdout is not None:  # a shell may have closed it
            sys.stdout.flush()
        return code if isinstance(code, int) else Exit.DONE
    except TyperException as error:
        return _misused(error)
    except (KeyboardInterrupt, EOFError):
        return Exit.INTERRUPTED
    except BrokenPipeError:
        return _nobody_listens()
    except SystemExit as error:
        # What the libraries that print make of a broken pipe.
        if isinstance(error.__context__, BrokenPipeError):
            return _nobody_listens()
        raise
    except Exception as error:
        if type(error).__name__ == "Abort":
            return Exit.INTERRUPTED
        return _failed(error)


def _nobody_listens() -> int:
    """Whoever read us has enough."""
    _drop_what_is_buffered()
    return Exit.DONE


def _drop_what_is_buffered() -> None:
    """What is still on its way to stdout must not raise again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno() if sys.__stdout__ else 1)


def _misused(error: TyperException) -> int:
    context = getattr(error, "ctx", None)
    voice = console(stderr=True)
    if context is not None:
        voice.print(context.get_usage(), soft_wrap=True)
        voice.print(f"Try: {context.command_path} --help", soft_wrap=True)
    if said := error.format_message():
        voice.print(f"tandem: {said}", soft_wrap=True)
    return Exit.CONFIGURATION


def _failed(error: Exception) -> int:
    code, lines = of_error(error)
    if isinstance(error, OSError):
        _drop_what_is_buffered()
    if not is_expected(error):
        log.error("command_broke", code="BUG-502", exc_info=error)
    voice = console(stderr=True)
    for number, line in enumerate(lines):
        voice.print(line if number else f"tandem: {line}", soft_wrap=True)
    return code
