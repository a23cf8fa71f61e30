"""`dispatcher profile list`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
from rich.cells import cell_len

from dispatcher.cli.columns import GAP, row, widths
from dispatcher.cli.promises.known import Known, is_shipped, read, success
from dispatcher.cli.screen import DIM, GOOD, NAME, Line, Screen
from dispatcher.policy.profiles import Profile

HEAD = ("name", "scheme", "secret", "success", "within", "attempts", "url", "types", "created", "from")
STYLES = (NAME, "", "", "", "", "", "", "", "", DIM)
RIGHT = frozenset({4, 5, 7})
WIDEST = (30, 8, 8, 15, 6, 8, 13, 5, 8, 100)
LEAST = (11, 8, 8, 7, 6, 8, 8, 5, 8, 10)
NARROW = range(8)
"""The columns of a terminal that has no room for all: what the others say is then said below."""
UNBOUNDED = 10_000


def list_all(config: Path | None, *, as_json: bool) -> None:
    """Raises `ConfigError`."""
    known, screen = read(config), Screen()
    if as_json:
        screen.raw(orjson.dumps(_keyed(known), option=orjson.OPT_APPEND_NEWLINE))
        return
    for line in _lines(known, screen.columns if screen.is_terminal else UNBOUNDED):
        screen.line(*line)


def _keyed(known: Known) -> dict[str, Any]:
    return {
        "default": known.profiles.default,
        "profiles": [_facts(known, profile) for profile in known.profiles.by_name.values()],
    }


def _facts(known: Known, profile: Profile) -> dict[str, Any]:
    given = known.endpoint(profile)
    return {
        "name": profile.name,
        "description": profile.description,
        "default": profile.name == known.profiles.default,
        "scheme": profile.signing.scheme,
        "secret": profile.secret,
        "success": success(profile),
        "timeout_s": given.timeout_s,
        "max_attempts": given.max_attempts,
        "https_only": profile.https_only,
        "unique": profile.unique_url,
        "initial_state": profile.initial_state,
        "event_types": len(profile.event_types),
        "shipped": is_shipped(profile),
        "file": profile.origin,
    }


def _lines(known: Known, columns: int) -> Iterator[Line]:
    profiles = list(known.profiles.by_name.values())
    lines = [HEAD, *(_cells(known, profile) for profile in profiles)]
    whole = sum(max(cell_len(line[place]) for line in lines) for place in range(len(HEAD))) + len(GAP) * len(HEAD)
    kept = range(len(HEAD)) if whole <= columns else NARROW
    wide = widths(lines, WIDEST, LEAST, columns, kept)
    yield row(HEAD, wide, [DIM] * len(HEAD), RIGHT)
    for profile, cells in zip(profiles, lines[1:], strict=True):
        name = GOOD if profile.name == known.profiles.default else NAME
        yield row(cells, wide, (name, *STYLES[1:]), RIGHT)
    yield [""]
    for note in _notes(known, profiles, is_narrow=len(kept) < len(HEAD)):
        yield [(note, DIM)]


def _cells(known: Known, profile: Profile) -> tuple[str, ...]:
    given = known.endpoint(profile)
    statuses = success(profile)
    return (
        f"{profile.name} *" if profile.name == known.profiles.default else profile.name,
        profile.signing.scheme,
        profile.secret,
        statuses if isinstance(statuses, str) else ",".join(map(str, statuses)),
        f"{given.timeout_s:g} s",
        str(given.max_attempts),
        ("https" if profile.https_only else "http or https") + (", unique" if profile.unique_url else ""),
        str(len(profile.event_types)),
        profile.initial_state,
        "shipped" if is_shipped(profile) else profile.origin,
    )


def _notes(known: Known, profiles: list[Profile], *, is_narrow: bool) -> Iterator[str]:
    source = known.sources.get("dispatch.profile", "by default")
    yield f"* for endpoints that name none: dispatch.profile ({source})"
    if is_narrow:
        inactive = [profile.name for profile in profiles if profile.initial_state == "inactive"]
        own = [profile.name for profile in profiles if not is_shipped(profile)]
        if inactive:
            yield f"created inactive: {', '.join(inactive)}"
        yield f"from {known.settings.dispatch.profiles_dir}: {', '.join(own)}" if own else "all of them are shipped"
    if not known.settings.egress.allow_http and not all(profile.https_only for profile in profiles):
        yield "http needs egress.allow_http, too, which is off"
