"""Tokens of the HTTP API: made, listed, taken back, and looked up when one is shown.

Everything here raises what `Session.fetch` raises.
"""

import secrets
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from dispatcher.errors import Missing
from dispatcher.policy.tokens import RANDOM_BYTES, Scope, Token, digest, written
from dispatcher.store.session import Row, Rows, Session


@dataclass(frozen=True, slots=True)
class Made:
    """A new token, and its text, which nobody can find again."""

    id: int
    expires_at: datetime | None
    text: str = field(repr=False)


async def create(
    session: Session,
    name: str,
    scope: Scope,
    *,
    tenant: str | None = None,
    lives_s: float | None = None,
    until: datetime | None = None,
) -> Made:
    """One that counts for so long, or until then, or until it is revoked."""
    token_id = await session.value("next_token")
    text = written(token_id, secrets.token_bytes(RANDOM_BYTES))
    given = (lives_s, until.timestamp() if until is not None else None)
    (row,) = await session.fetch("create_token", token_id, name, scope, tenant, digest(text), *given)
    return Made(token_id, row["expires_at"], text)


async def find(session: Session) -> Rows:
    """All of them, those that no longer count too."""
    return await session.fetch("list_tokens")


async def revoke(session: Session, token_id: int) -> Row:
    """From now on it does not count. Raises `Missing`."""
    found = await session.fetch("revoke_token", token_id)
    if not found:
        raise Missing("token", token_id)
    return found[0]


async def read(session: Session, ids: Collection[int]) -> dict[int, Token]:
    """Those of them that count."""
    rows = await session.fetch("read_tokens", list(ids))
    return {row["id"]: Token(row["id"], row["name"], row["scope"], row["tenant"], row["digest"]) for row in rows}


async def note_use(session: Session, token_id: int) -> None:
    """Remember when it was used, to the minute."""
    await session.fetch("note_token", token_id)
