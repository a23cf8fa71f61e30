"""A body's template: checked once, compiled to byte segments; what was stored goes in between as it is."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from difflib import get_close_matches
from enum import StrEnum
from typing import NoReturn

from dispatcher.model import Event

PLACEHOLDER = re.compile(r"\$(\$|\w*)")
SIGNATURE = ',"signature":"$signature"}'
"""How a template that carries its own signature ends: receivers cut off that many bytes, so nothing may follow."""


class Precision(StrEnum):
    """Of `$timestamp`: RFC 3339 in UTC with 0, 3 or 6 digits of a second, or the seconds since 1970 as a number."""

    SECONDS = "seconds"
    MILLISECONDS = "milliseconds"
    MICROSECONDS = "microseconds"
    UNIX = "unix"


Source = Callable[[Event, str], bytes]
"""From an event and the tenant it belongs to."""


def written(at: datetime, precision: Precision) -> str:
    """An instant as a body has it; digits beyond the precision are cut off, never rounded up into the future."""
    if precision is Precision.UNIX:
        return str(int(at.timestamp()))
    return f"{at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec=precision)}Z"


SOURCES: dict[str, Source] = {
    # Neither needs escaping: an id is hexadecimal, a type has no quote by its grammar.
    "id": lambda event, _: event.webhook_id.encode(),
    "type": lambda event, _: event.type.encode(),
    "data": lambda event, _: event.data,
    "context": lambda event, _: event.context or b"null",
    "tenant": lambda _, tenant: json.dumps(tenant, ensure_ascii=False)[1:-1].encode(),
}
NAMES = ("id", "type", "timestamp", "data", "context", "tenant")
WHOLE = frozenset({"data", "context"})
"""Placeholders that stand for a whole JSON value; the others stand inside a string."""
MARK, DIGITS = "\ue000", "8237465019283746501"
"""What stands for a placeholder while a template is checked: nobody writes them, and one is only JSON in a string."""


@dataclass(frozen=True, slots=True)
class Template:
    """`text` with its placeholders; `signed` where it ends in the member `signature`, which the scheme adds.

    Raises ValueError, in a clause about "it", for what would not make one JSON object of every event.
    """

    text: str
    precision: Precision = Precision.MICROSECONDS
    signed: bool = False
    _segments: tuple[bytes | Source, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        core = _core(self.text) if self.signed else self.text
        _refuse_names(core)
        _refuse_shape(core, self.precision, signed=self.signed)
        parts = PLACEHOLDER.split(core)
        segments = [self._segment(part) if place % 2 else part.encode() for place, part in enumerate(parts)]
        object.__setattr__(self, "_segments", tuple(segment for segment in segments if segment != b""))

    def _segment(self, name: str) -> bytes | Source:
        if name == "$":
            return b"$"
        if name == "timestamp":
            return lambda event, _: written(event.occurred_at, self.precision).encode()
        return SOURCES[name]

    def body(self, event: Event, tenant: str = "") -> bytes:
        """The body's exact bytes, but for the member `signature`. What was stored is never parsed and dumped again."""
        return b"".join([part if isinstance(part, bytes) else part(event, tenant) for part in self._segments])


def _core(text: str) -> str:
    if not text.rstrip().endswith(SIGNATURE):
        raise ValueError(f"under scheme embedded it ends in {SIGNATURE}")
    return text.rstrip().removesuffix(SIGNATURE) + "}"


def _refuse_names(text: str) -> None:
    for name in PLACEHOLDER.findall(text):
        if name == "signature":
            raise ValueError(f"$signature is for scheme embedded alone, once and at its end: {SIGNATURE}")
        if not name:
            raise ValueError("a dollar that begins no placeholder is written $$")
        if name not in {"$", *NAMES}:
            near = get_close_matches(name, NAMES, 1)
            hint = f"did you mean ${near[0]}?" if near else f"known are {', '.join(f'${each}' for each in NAMES)}"
            raise ValueError(f"unknown placeholder ${name}; {hint}")


def _refuse_shape(text: str, precision: Precision, *, signed: bool) -> None:
    """Fill it in with values that are JSON only where they belong, and read that."""

    def sample(match: re.Match[str]) -> str:
        if match[1] == "$":
            return "$"
        if match[1] == "timestamp" and precision is Precision.UNIX:
            return DIGITS
        return f'["{MARK}"]' if match[1] in WHOLE else MARK

    try:
        made = json.loads(
            PLACEHOLDER.sub(sample, text),
            object_pairs_hook=_members,
            parse_constant=refuse_constant,
            parse_int=_number,
            parse_float=_number,
        )
    except json.JSONDecodeError as error:
        raise ValueError(
            f"it makes no JSON ({error.msg}); $data and $context stand for whole values, the others between quotes"
        ) from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(made, dict):
        raise ValueError("it is not a JSON object")  # noqa: TRY004 what is wrong is the text
    if any(MARK in key or DIGITS in key for key in _keys(made)):
        raise ValueError("a placeholder is in the name of a member; names are fixed")
    if signed and (not made or "signature" in made):
        raise ValueError("before its signature it has at least one member, and none called signature")


def _number(text: str) -> str:
    if DIGITS in text and text != DIGITS:
        raise ValueError("$timestamp is part of a longer number")
    return text


def _members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a member is there twice")
    return made


def refuse_constant(name: str) -> NoReturn:
    """What Python reads and JSON does not have: NaN, Infinity. Raises ValueError."""
    raise ValueError(f"{name} is no JSON")


def _keys(value: object) -> list[str]:
    if isinstance(value, dict):
        return [*value, *(key for each in value.values() for key in _keys(each))]
    return [key for each in value for key in _keys(each)] if isinstance(value, list) else []
