"""What the rows of `endpoints` keep secret, as it is there: found, and written again where nobody was quicker."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import orjson

from dispatcher.errors import StatementFailed
from dispatcher.policy.wrapping import Secrets
from dispatcher.store.rows import headers_of
from dispatcher.store.session import Row, Session


@dataclass(frozen=True, slots=True)
class Stored:
    """The secrets of a row, and its headers to the letter."""

    secrets: Secrets
    headers: str | None = field(repr=False)

    @property
    def endpoint_id(self) -> int:
        return self.secrets.endpoint_id


async def look_through(session: Session, after: int, most: int, prefix: str) -> tuple[int | None, list[Stored]]:
    """Of the next endpoints those with a value that does not begin with `prefix`, and the last one looked at."""
    found = await session.fetch("find_plain", after, most, prefix)
    return found[0]["last"], [_stored(row) for row in found if row["id"] is not None]


async def read(session: Session, endpoint_ids: Sequence[int]) -> list[Stored]:
    """Of the named endpoints; none for one that is gone."""
    return [_stored(row) for row in await session.fetch("read_secrets", endpoint_ids)]


@dataclass(slots=True)
class Written:
    """Endpoints written; and those whose row Postgres refuses for something else in it, with what it said."""

    done: set[int] = field(default_factory=set)
    refused: dict[int, str] = field(default_factory=dict)


async def rewrite(session: Session, pairs: Sequence[tuple[Stored, Secrets]]) -> Written:
    """Write the second of each pair where the row still is the first.

    What is in neither part of the answer has been changed meanwhile, or somebody else is at it.
    """
    try:
        return Written(await _write(session, pairs) if pairs else set())
    except StatementFailed as error:
        if error.is_passing:
            raise
        if len(pairs) == 1:
            return Written(refused={pairs[0][0].endpoint_id: str(error)})
    # One of them must not stand in the way of the others.
    half = len(pairs) // 2
    first, second = await rewrite(session, pairs[:half]), await rewrite(session, pairs[half:])
    return Written(first.done | second.done, first.refused | second.refused)


async def _write(session: Session, pairs: Sequence[tuple[Stored, Secrets]]) -> set[int]:
    before = [(s.secrets.secret, s.secrets.previous_secret, s.secrets.api_key, s.headers) for s, _ in pairs]
    after = [(new.secret, new.previous_secret, new.api_key, _text(stored, new)) for stored, new in pairs]
    rows = await session.fetch(
        "seal_endpoints",
        [stored.endpoint_id for stored, _ in pairs],
        [stored.secrets.tenant for stored, _ in pairs],
        *map(list, zip(*before, strict=True)),
        *map(list, zip(*after, strict=True)),
    )
    return {row["id"] for row in rows}


def _stored(row: Row) -> Stored:
    headers = headers_of(row["headers"])
    if headers is not None and not all(isinstance(value, str) for value in headers.values()):
        headers = None  # They are refused, and nothing is sent with them.
    kept = Secrets(row["tenant"], row["id"], row["secret"], row["previous_secret"], row["api_key"], headers)
    return Stored(kept, row["headers"])


def _text(stored: Stored, new: Secrets) -> str | None:
    if new.headers == stored.secrets.headers:
        return stored.headers
    return orjson.dumps(new.headers).decode()
