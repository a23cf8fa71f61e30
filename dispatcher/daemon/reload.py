"""Which settings take effect at once, and which at the next start."""

from urllib.parse import urlsplit

from dispatcher.config import Settings
from dispatcher.policy.profiles import Profiles

AT_START = frozenset(
    {"database.synchronous_commit", "dispatch.installation", "dispatch.poll_s", "log.format", "retention.events_days"}
)


def changed(old: Settings, new: Settings) -> list[str]:
    """The keys that differ, as `section.key`."""
    before, after = old.model_dump(), new.model_dump()
    return [f"{section}.{key}" for section, keys in after.items() for key in keys if keys[key] != before[section][key]]


def changed_profiles(old: Profiles, new: Profiles) -> list[str]:
    """Those that differ, have come or have gone, as `profile name`."""
    names = sorted({*old.by_name, *new.by_name})
    return [f"profile {name}" for name in names if old.by_name.get(name) != new.by_name.get(name)]


def at_start(old: Settings, new: Settings) -> list[str]:
    """Those that wait for the next start. Another password is for the next connection; another place is not."""
    elsewhere = _place(old.database.dsn) != _place(new.database.dsn)
    return [key for key in changed(old, new) if key in AT_START or (key == "database.dsn" and elsewhere)]


def for_now(old: Settings, new: Settings) -> Settings:
    """The new ones, but for what waits for the next start."""
    kept: dict[str, dict[str, object]] = {}
    for key in at_start(old, new):
        section, _, name = key.partition(".")
        kept.setdefault(section, {})[name] = getattr(getattr(old, section), name)
    sections = {section: getattr(new, section).model_copy(update=keys) for section, keys in kept.items()}
    return new.model_copy(update=sections)


def _place(dsn: str) -> tuple[str, str | None, str, str]:
    parts = urlsplit(dsn)
    return parts.scheme, parts.username, parts.netloc.rpartition("@")[2], f"{parts.path}?{parts.query}"
