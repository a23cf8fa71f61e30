"""Where a page ended, as text that says nothing to callers and that they give back."""

import base64
import binascii
from datetime import datetime
from uuid import UUID

import orjson

from dispatcher.admin.problems import Blame, Problem

LARGEST_ID = 2**63 - 1


def made(*parts: str | int | datetime | UUID) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([_text(part) for part in parts])).rstrip(b"=").decode()


def of_id(cursor: str | None) -> int:
    """An id, 0 where there is no cursor. Raises `Problem`."""
    return 0 if cursor is None else _id(_parts(cursor, 1)[0])


def of_event(cursor: str | None) -> UUID | None:
    if cursor is None:
        return None
    try:
        return UUID(_parts(cursor, 1)[0])
    except ValueError:
        raise _wrong() from None


def of_activity(cursor: str | None) -> tuple[datetime, int] | None:
    """An instant and a delivery's id."""
    if cursor is None:
        return None
    at, delivery_id = _parts(cursor, 2)
    try:
        return datetime.fromisoformat(at).astimezone(), _id(delivery_id)
    except (ValueError, OverflowError):
        raise _wrong() from None


def of_names(cursor: str | None) -> tuple[str, str]:
    if cursor is None:
        return "", ""
    first, second = _parts(cursor, 2)
    return first, second


def _text(part: str | int | datetime | UUID) -> str:
    return part.isoformat() if isinstance(part, datetime) else str(part)


def _parts(cursor: str, number: int) -> list[str]:
    try:
        parts = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error):
        raise _wrong() from None
    if not isinstance(parts, list) or len(parts) != number or not all(isinstance(part, str) for part in parts):
        raise _wrong()
    if any("\0" in part for part in parts):
        raise _wrong()
    return parts


def _id(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and int(text) <= LARGEST_ID):
        raise _wrong()
    return int(text)


def _wrong() -> Problem:
    blame = Blame(
        field="cursor", rule="cursor", message="it is none of ours", allowed="`next` of the page before, as it was"
    )
    return Problem("malformed", "cursor is none of ours: give `next` of the page before, as it was", errors=[blame])
