"""`tandem backup FILE` and `tandem restore FILE`: the store as one file, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sync.cli import places
from sync.cli.exits import Exit, Misused, NotFound
from sync.cli.options import Json, Yes
from sync.cli.output import Out
from sync.ports import Backup

File = Annotated[Path, typer.Argument(help="The file.", metavar="FILE", dir_okay=False)]


def backup(file: File, json: Json = False, yes: Yes = False) -> int:
    """Write all that can't be read again from Stripe or Salesforce into FILE, as it stands at one instant.

    Processes may go on working. The file has names and e-mail addresses of customers, and no secret of yours.

    For example:
      tandem backup /var/backups/tandem-2026-03-01.zip
    """
    from sync import wiring

    out = Out(json)
    with places.store() as store:
        try:
            made = wiring.backup(store, file)
        except FileExistsError as error:
            raise Misused(f"{file} is there already; a backup never overwrites one.") from error
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError) as error:
            raise Misused(f"{file} can't be written: {error.strerror}.") from error
        except OSError as error:
            # What a write meets does not say of which file: a full disk is that of the backup, not that of the answer.
            raise OSError(error.errno, error.strerror, error.filename or str(file)) from error
    _told(out, "backup", made, f"written to {file}")
    return Exit.DONE


def restore(file: File, json: Json = False, yes: Yes = False) -> int:
    """Fill an empty store from FILE, of the same org and Stripe account and the same schema; else exit 2, nothing changed.

    Everything is looked at once more by the next runs: what was done since the backup is found, and not done again.

    For example:
      tandem db upgrade
      tandem restore /var/backups/tandem-2026-03-01.zip
      tandem backfill --apply
    """
    from sync import wiring

    out = Out(json)
    if not file.is_file():
        raise NotFound(f"there is no file {file}.")
    with places.services(drain=True, upgrade=True) as services:
        made = wiring.restore(services, file)
    _told(out, "restore", made, f"restored from {file}; everything is due once more")
    return Exit.DONE


def _told(out: Out, kind: str, made: Backup, words: str) -> None:
    rows = sum(made.rows.values())
    kept = ", ".join(f"{made.rows.get(name, 0)} {name}" for name in ("links", "promises", "operations", "facts"))
    value = {
        "version": made.version, "schema_version": made.schema, "realm": dict(made.realm), "epoch": made.epoch,
        "made_at": made.made_at, "rows": dict(made.rows),
    }  # fmt: skip
    out.answer(kind, value, [f"{rows} rows of {made.made_at} ({kept}) {words}"])
