"""The configuration: every key with its default and bounds (`settings`), and where values come from (`sources`).

The same for profiles: what a file may say (`profile_file`), and which files are read (`profiles`).
"""

from dispatcher.config.profiles import load_profiles
from dispatcher.config.settings import Settings
from dispatcher.config.sources import DEFAULT_FILE, load, origins, shipped

__all__ = ["DEFAULT_FILE", "Settings", "load", "load_profiles", "origins", "shipped"]
