"""Requests that name themselves with an Idempotency-Key: claimed, remembered for a day, answered again."""

from dataclasses import dataclass

from dispatcher.store.session import Session

SLICE = 1000


@dataclass(frozen=True, slots=True)
class Answered:
    """Status, body and where to find what was made."""

    status: int
    reply: bytes | None
    location: str | None


@dataclass(frozen=True, slots=True)
class Before:
    """A request that was made before: what it asked for, and what was answered."""

    fingerprint: bytes
    answered: Answered


async def claim(session: Session, token_id: int, key: str, fingerprint: bytes) -> Before | None:
    """Make the key ours, within the transaction that does the work; else what it was used for.

    Waits while somebody else's transaction has it; `StatementFailed` that is `locked` where that takes long.
    """
    if await session.fetch("claim_request", token_id, key, fingerprint):
        return None
    found = await session.fetch("read_request", token_id, key)
    if not found:  # forgotten this very moment: it was old
        return await claim(session, token_id, key, fingerprint)
    (row,) = found
    return Before(row["fingerprint"], Answered(row["status"], row["reply"], row["location"]))


async def keep(session: Session, token_id: int, key: str, answered: Answered) -> None:
    """In the same transaction: how it was answered."""
    reply = None if answered.reply is None else answered.reply.decode()
    await session.fetch("keep_reply", token_id, key, answered.status, reply, answered.location)
