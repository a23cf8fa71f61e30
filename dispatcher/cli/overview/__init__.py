"""What `dispatcher status` does: ask (`store.report`, `local`), judge, and show, once or again and again."""

from dispatcher.cli.overview.turns import show

__all__ = ["show"]
