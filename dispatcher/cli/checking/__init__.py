"""What `dispatcher check` does: looks at everything a dispatcher needs, and says one line of each."""

from dispatcher.cli.checking.show import check_all

__all__ = ["check_all"]
