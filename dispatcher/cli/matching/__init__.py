"""What `dispatcher event match` does: ask what a fan-out would find (`store.matching`), judge, and show."""

from dispatcher.cli.matching.show import match
from dispatcher.cli.matching.wanted import Wanted

__all__ = ["Wanted", "match"]
