"""Mapped fields, held against the org when a process starts: found then, not in the middle of a deal."""

from __future__ import annotations

from pathlib import Path

import structlog

from sync.config import ConfigFault, Settings
from sync.errors import SyncError
from sync.wiring.vendors import SalesforceOrg

log = structlog.get_logger()


def check_mapped(settings: Settings, salesforce: SalesforceOrg) -> None:
    """Every mapped object, and every mapped field that billing reads, is in the org for this log-in, as its line says;
    ConfigFault names each that is not. What is wrong with a field that is only filled holds up no billing: it is told in the log.

    One call (a Composite of describes), the first time. A Salesforce that does not answer is told in the log as well, and
    holds up nothing either: then what can't be read is met by the quotes that need it (CONF-302).
    """
    try:
        faults = salesforce.field_faults()
    except SyncError as error:
        if error.code == "CONF-302":
            raise ConfigFault([f"{_where(settings)}{error.message} (CONF-302)"]) from error
        log.warning("fields_not_checked", code=error.code, reason=error.message)
        return
    for fault in (one for one in faults if not one.stops):
        log.error("field_unlike_its_mapping", code="CONF-302", reason=fault.said)
    if stops := [one.said for one in faults if one.stops]:
        raise ConfigFault([f"{_where(settings)}{said}" for said in stops])


def _where(settings: Settings) -> str:
    own: Path | None = settings.tandem_mappings
    return f"TANDEM_MAPPINGS: {own}: " if own else "mappings: "
