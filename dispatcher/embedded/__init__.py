"""A private Postgres, for trying things out: a child of ours that dies with us and leaves nothing behind.

Rule 1: the machine is left alone: no account is made, no mode changed, nothing written outside our own folder.
Rule 2: it is never a daemon. Whoever started it is gone, also by kill -9: then so is it.
"""

from dispatcher.embedded.binaries import EmbeddedUnavailable
from dispatcher.embedded.server import EmbeddedPostgres

__all__ = ["EmbeddedPostgres", "EmbeddedUnavailable"]
