"""Kinds of fields that bodies and queries are made of."""

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from dispatcher.policy.patterns import PATTERN, TYPE, is_pattern, is_type

INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


class Given(BaseModel):
    """What callers give: a query, or a body. A field that is unknown, or of another kind, is an error."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


def _text(value: str) -> str:
    if "\0" in value:
        raise ValueError("text has no NUL in it")
    return value


def _instant(value: object) -> datetime:
    """Pydantic's own would take numbers, and times of nowhere."""
    if not isinstance(value, str) or not INSTANT.fullmatch(value):
        raise ValueError("an instant is text, with its offset: 2026-11-21T05:00:00Z")
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except ValueError:
        raise ValueError("there is no such day or time") from None
    except OverflowError:
        raise ValueError("an instant lies between the years 1 and 9999") from None


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


Text = Annotated[str, AfterValidator(_text)]
"""What Postgres can store: anything but NUL."""

Instant = Annotated[datetime, BeforeValidator(_instant)]
"""RFC 3339, with an offset. In UTC from here on."""


def _pattern(value: str) -> str:
    if not is_pattern(value):
        raise ValueError("a type such as order.paid, everything below one such as order.*, or *")
    return value


def _type(value: str) -> str:
    if not is_type(value):
        raise ValueError("a type such as order.paid")
    return value


AskedPattern = Annotated[str, AfterValidator(_pattern), Field(json_schema_extra={"pattern": f"^{PATTERN}$"})]
AskedType = Annotated[str, AfterValidator(_type), Field(json_schema_extra={"pattern": f"^{TYPE}$", "maxLength": 128})]
"""What is asked for in a list: what is none would find nothing, silently."""

Whole = Annotated[int, BeforeValidator(_whole)]
"""An integer; 5.0 is one, too, as JSON Schema has it."""

Limit = Annotated[int, Field(ge=1, le=200, description="How many at most.")]
Id = Annotated[int, Field(ge=1, le=2**63 - 1), WithJsonSchema({"type": "integer", "format": "int64", "minimum": 1})]
"""A bigint."""
