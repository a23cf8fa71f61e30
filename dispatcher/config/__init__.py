"""The configuration: every key with its default and bounds (`settings`), and where values come from (`sources`)."""

from dispatcher.config.settings import Settings
from dispatcher.config.sources import DEFAULT_FILE, load, origins, shipped

__all__ = ["DEFAULT_FILE", "Settings", "load", "origins", "shipped"]
