"""What `dispatcher replay` does: read what was asked, go on slice by slice, and show how far it is."""

from dispatcher.cli.replaying.asked import Asked, Turn
from dispatcher.cli.replaying.work import replay

__all__ = ["Asked", "Turn", "replay"]
