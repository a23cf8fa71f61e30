"""The configuration: every key with its default and bounds (`settings`), and where values come from (`sources`).

The same for profiles: what a file may say (`profile_file`), and which files are read (`profiles`).
"""

from dispatcher.config.profiles import backoff_of, endpoint_of, load_profiles, nearest, shipped_folder
from dispatcher.config.settings import Settings
from dispatcher.config.sources import DEFAULT_FILE, load, origins, shipped, source_of_keys

__all__ = [
    "DEFAULT_FILE",
    "Settings",
    "backoff_of",
    "endpoint_of",
    "load",
    "load_profiles",
    "nearest",
    "origins",
    "shipped",
    "shipped_folder",
    "source_of_keys",
]
