"""One entry of the log becomes one line: JSON for programs, `key=value` for eyes. Whatever is in it, nothing raises."""

import sys
import time
import traceback
from collections.abc import Mapping
from types import TracebackType

import orjson

from dispatcher.observe.printable import printable
from dispatcher.observe.redact import redact

# Our own dataclasses hold secrets, and orjson would write every field of them.
OPTIONS = orjson.OPT_APPEND_NEWLINE | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_UTC_Z

Fields = Mapping[str, object]

QUOTED = frozenset(' "\\=')
"""Characters that would make a bare value unclear."""

FRAMES = 30
"""Of a traceback, the innermost: a recursion has a thousand."""


class Clock:
    """UTC as ISO 8601 with milliseconds. Keeps the second: writing out a date costs more than the rest of an entry."""

    def __init__(self) -> None:
        self._second = -1
        self._text = ""

    def __call__(self) -> str:
        now = time.time()
        second = int(now)
        if second != self._second:
            self._second, self._text = second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{self._text}.{int((now - second) * 1000):03}Z"


def json(at: str, level: str, event: str, fields: Fields) -> bytes:
    """The entry as a line of JSON: `at`, `level` and `event`, then the fields as they came."""
    made = {"at": at, "level": level, "event": event, **fields}
    if "exc_info" in made:
        made = told(made)
    try:
        line = orjson.dumps(made, _plain, OPTIONS)
    except TypeError:
        line = orjson.dumps({key: _cleaned(value) for key, value in made.items()}, _plain, OPTIONS)
    return redact(line)


def console(at: str, level: str, event: str, fields: Fields, *, paint: Mapping[str, str]) -> bytes:
    """The entry as a line for a terminal: time of day (UTC), level, event, the fields that are not null.

    `paint` has an escape sequence for each level and for "key"; empty, the line is plain.
    """
    made = told(fields)
    dim, colour, off = paint.get("key", ""), paint.get(level, ""), "\x1b[0m" if paint else ""
    parts = [f"{dim}{at[11:23]}{off} {colour}{level:7} {printable(event)}{off}"]
    parts += [f"{dim}{key}={off}{_shown(value)}" for key, value in made.items() if value is not None]
    return redact(" ".join(parts).encode("utf-8", "backslashreplace")) + b"\n"


def told(fields: Fields) -> dict[str, object]:
    """The fields, with `error` and `traceback` in place of `exc_info`."""
    made = dict(fields)
    return made | _error(made.pop("exc_info")) if "exc_info" in made else made


def _error(exc_info: object) -> dict[str, object]:
    """The type of an exception and its frames. No message and no locals: either may hold a secret."""
    error = exc_info
    if isinstance(exc_info, tuple):
        error = exc_info[1]
    elif exc_info is True:
        error = sys.exc_info()[1]
    if not isinstance(error, BaseException):
        return {}
    chain = []
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        chain.append(f"{type(error).__name__}: {_frames(error.__traceback__)}")
        inner = error.exceptions[0] if isinstance(error, BaseExceptionGroup) else None
        error = inner or error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return {"error": chain[0].partition(":")[0], "traceback": " | from ".join(chain)}


def _frames(tb: TracebackType | None) -> str:
    frames = traceback.StackSummary.extract(traceback.walk_tb(tb), lookup_lines=False)[-FRAMES:]
    return " > ".join(f"{_short(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames)


def _short(filename: str) -> str:
    """A path from the package on: the rest is the machine's affair."""
    for mark in ("/site-packages/", "/dispatcher/", "/lib/"):
        before, found, after = filename.rpartition(mark)
        if found:
            return f"dispatcher/{after}" if mark == "/dispatcher/" else after or before
    return filename


def _plain(value: object) -> object:
    """What orjson does not know. An object is named, not shown: its text may be anything."""
    match value:
        case bytes() | bytearray() | memoryview():
            return bytes(value).decode("utf-8", "backslashreplace")
        case set() | frozenset():
            return list(value)
        case _:
            return f"<{type(value).__name__}>"


def _cleaned(value: object) -> object:
    try:
        orjson.dumps(value, _plain, OPTIONS)
    except TypeError:
        # Lone surrogates and numbers above 64 bits can be shown; what is left is named.
        return (
            ascii(value)[1:-1]
            if type(value) is str
            else str(value)
            if type(value) is int
            else f"<{type(value).__name__}>"
        )
    return value


def _shown(value: object) -> str:
    """Bare where that is clear, else quoted as JSON is."""
    text = value if isinstance(value, str) else orjson.dumps(_cleaned(value), _plain, OPTIONS).decode().rstrip("\n")
    if text and not set(text) & QUOTED and printable(text) == text:
        return text
    if isinstance(value, str):
        return '"' + printable(text.replace("\\", "\\\\").replace('"', '\\"')) + '"'
    return printable(text)
