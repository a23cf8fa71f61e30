"""`dispatcher profile show`: every value that is in force, and where it comes from."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from textwrap import wrap
from typing import Any

import orjson

from dispatcher.cli.promises import sample
from dispatcher.cli.promises.known import DEFAULT, Known, Value, is_shipped, read
from dispatcher.cli.promises.schedule import in_words
from dispatcher.cli.screen import DIM, GOOD, NAME, WARN, Line, Screen
from dispatcher.policy.profiles import Profile
from dispatcher.policy.wording import about, plural

KEY, VALUE = 25, 18
"""Cells of the first two columns."""
PLAIN_COLUMNS = 120


def show(config: Path | None, name: str, *, as_json: bool) -> None:
    """Raises `ConfigError`: for the configuration, or because there is no such profile."""
    known, screen = read(config), Screen()
    profile = known.named(name)
    if as_json:
        screen.raw(orjson.dumps(_keyed(known, profile), option=orjson.OPT_APPEND_NEWLINE))
        return
    for line in _lines(known, profile, screen.columns if screen.is_terminal else PLAIN_COLUMNS):
        screen.text(*line)


def _keyed(known: Known, profile: Profile) -> dict[str, Any]:
    delays_s = known.delays_s(profile)
    return {
        "name": profile.name,
        "description": profile.description,
        "default": profile.name == known.profiles.default,
        "file": profile.origin,
        "shipped": is_shipped(profile),
        "values": {each.key: {"value": each.value, "source": each.source} for each in known.values(profile)},
        "retries": {"delays_s": delays_s, "sum_s": sum(delays_s)},
        "remarks": list(_remarks(known, profile)),
        "event_types": [asdict(entry) for entry in profile.event_types],
        "sample": {
            "headers": sample.headers(profile),
            "body": sample.body(profile, sample.first(profile)),
        },
    }


def _lines(known: Known, profile: Profile, columns: int) -> Iterator[Line]:
    is_default = profile.name == known.profiles.default
    yield [(profile.name, f"bold {NAME}"), (" (the default)" if is_default else "", GOOD), f"  {profile.description}"]
    yield [(f"{'shipped' if is_shipped(profile) else 'from'}: {profile.origin}", DIM)]
    yield [""]
    body, *values = known.values(profile)
    yield [("body", DIM), "  ", _from(body, profile)]
    yield [body.value]
    yield [""]
    for value in values:
        yield _row(value, profile)
    yield [""]
    yield [("retries  ", DIM), _retries(known, profile)]
    for remark in _remarks(known, profile):
        yield [("remark   ", DIM), (remark, WARN)]
    yield [""]
    yield from _catalogue(profile, columns)
    yield [""]
    yield from _request(profile)


def _row(value: Value, profile: Profile) -> Line:
    return [(f"{value.key:{KEY}}", DIM), f"{_said(value.value):{VALUE}}  ", _from(value, profile)]


def _said(value: object) -> str:
    if value is None or value in ((), []):
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _from(value: Value, profile: Profile) -> tuple[str, str]:
    if value.source == profile.origin:
        return Path(profile.origin).name, NAME
    return value.source, DIM if value.source == DEFAULT else WARN


def _retries(known: Known, profile: Profile) -> str:
    delays_s, jitter = known.delays_s(profile), known.endpoint(profile).jitter
    if not delays_s:
        return "none"
    spread = f", each give or take {jitter:.0%}" if jitter else ""
    together = f"; together {about(sum(delays_s))}" if len(delays_s) > 1 else ""
    return f"{len(delays_s)}: after {in_words(delays_s)}{spread}{together}"


def _remarks(known: Known, profile: Profile) -> Iterator[str]:
    if not profile.https_only and not known.settings.egress.allow_http:
        yield "the profile takes http, and egress.allow_http is off: requests go to https only"
    if profile.strict:
        yield (
            f"strict: other types are refused at subscribe, once dispatcher profile install {profile.name} has written "
            "the catalogue"
        )


def _catalogue(profile: Profile, columns: int) -> Iterator[Line]:
    entries = profile.event_types
    yield [(f"{plural(len(entries), 'event type')}:" if entries else "no event types", DIM)]
    indent = max((len(entry.name) for entry in entries), default=0) + 4
    for entry in entries:
        described = wrap(entry.description, max(columns - indent, 20)) or [""]
        yield [(f"  {entry.name:{indent - 2}}", NAME), described[0]]
        for line in described[1:]:
            yield [" " * indent + line]


def _request(profile: Profile) -> Iterator[Line]:
    entry = sample.first(profile)
    yield [(f"a request, for {entry.name}:", DIM)]
    for name, value in sample.headers(profile).items():
        yield [(f"{name}: ", DIM), value]
    yield [""]
    yield [sample.body(profile, entry)]
