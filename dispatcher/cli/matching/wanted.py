"""An event that is not there, as it was typed; refused where `emit` would refuse it."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, Self

import typer

from dispatcher.config.profile_file import TYPE
from dispatcher.policy.template import refuse_constant

LONGEST_TYPE, LONGEST_DATA, LONGEST_TENANT = 128, 1_000_000, 256


@dataclass(frozen=True, slots=True)
class Wanted:
    """`endpoint_id`: the only one that is asked about; None: all."""

    event_type: str
    data: str
    tenant: str
    endpoint_id: int | None

    @classmethod
    def of(cls, event_type: str, data: str, tenant: str, endpoint_id: int | None) -> Self:
        """`data` may name a file, @FILE, or be - for stdin. Raises `typer.BadParameter`, which names the field."""
        _refuse_type(event_type)
        if len(_bytes("--tenant", tenant)) > LONGEST_TENANT or "\x00" in tenant:
            _refuse("--tenant", "it is longer than 256 bytes")
        return cls(event_type, read_json("DATA", data), tenant, endpoint_id)


def read_text(field: str, given: str) -> str:
    """What was typed, or what @FILE or stdin (-) has. Raises `typer.BadParameter`, which names the field."""
    found = _read(field, given)
    if len(found) > LONGEST_DATA:
        _refuse(field, "it is longer than 1,000,000 bytes")
    if b"\x00" in found:
        _refuse(field, "it is not JSON: it has a NUL")
    try:
        return found.decode()
    except UnicodeDecodeError:
        _refuse(field, "it is not UTF-8")


def read_json(field: str, given: str) -> str:
    """The same, and it is JSON."""
    text = read_text(field, given)
    try:
        # Numbers as texts: what is too large for Python's is none of our business.
        json.loads(text, parse_int=str, parse_float=str, parse_constant=refuse_constant)
    except ValueError as error:
        _refuse(field, f"it is not JSON: {error}")
    except RecursionError:
        pass  # Postgres reads deeper, and has the last word.
    return text


def _refuse_type(given: str) -> None:
    if given.startswith("webhook."):
        _refuse("TYPE", "types that begin with webhook. are reserved")
    if not TYPE.fullmatch(given) or len(given) > LONGEST_TYPE:
        _refuse("TYPE", "it is not words of A-Z a-z 0-9 _ - joined by dots, at most 128 bytes, such as order.paid")


def _read(field: str, data: str) -> bytes:
    try:
        if data == "-":
            return sys.stdin.buffer.read(LONGEST_DATA + 1)
        if data.startswith("@"):
            with Path(data[1:]).open("rb") as file:
                return file.read(LONGEST_DATA + 1)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "no path"
        _refuse(field, f"{data[1:]}: {why}; after @ comes a file that can be read")
    return _bytes(field, data)


def _bytes(field: str, text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        _refuse(field, "it is not UTF-8")


def _refuse(field: str, why: str) -> NoReturn:
    raise typer.BadParameter(why, param_hint=field)
