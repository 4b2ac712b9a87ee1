"""PostgreSQL and Valkey for one machine, so that Tandem runs without any service installed (docs/decisions/0001).

A small *keeper* process holds the two servers of a TANDEM_HOME and serves on unix sockets inside it. Everyone who uses
them holds a shared lock on the home; the servers stop when the last one has let go, however it ended.
"""

from workers.embedded.attachment import NotRunning, Servers, attach, attach_or_start, is_served, revive
from workers.embedded.binaries import EmbeddedFault

__all__ = ["EmbeddedFault", "NotRunning", "Servers", "attach", "attach_or_start", "is_served", "revive"]
