"""Endpoints, for a person or a program: listed, shown, made, changed, moved between their states.

`tenant` bounds what is seen and touched; None is everybody's. Everything here raises `Missing` for an endpoint that is
not there, `Refused` with the schema's words, and what `Session.fetch` raises.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from dispatcher.errors import Missing
from dispatcher.store.session import Row, Rows, Session


@dataclass(frozen=True, slots=True)
class Made:
    """A new endpoint, and its secret: given, or made where its profile signs."""

    endpoint_id: int
    secret: str | None = field(repr=False)


async def find(
    session: Session,
    *,
    tenant: str | None = None,
    states: Sequence[str] | None = None,
    event_type: str | None = None,
    after: int = 0,
    most: int = 50,
) -> Rows:
    """A page by id; with `event_type` only those subscribed to it, whatever their filters say."""
    return await session.fetch("list_endpoints", tenant, states, event_type, after, most)


async def read(session: Session, endpoint_id: int, tenant: str | None = None) -> Row:
    return _the(endpoint_id, await session.fetch("read_endpoint", endpoint_id, tenant))


async def create(session: Session, settings: bytes) -> Made:
    """From a JSON object of settings by name, as `webhooks.subscribe` has them."""
    (row,) = await session.fetch("create_endpoint", settings)
    return Made(row["endpoint_id"], row["secret"])


async def generate_api_key(session: Session) -> str:
    """One to give to `create`, and to show once."""
    key: str = await session.value("generate_api_key")
    return key


async def update(session: Session, endpoint_id: int, changes: bytes, tenant: str | None = None) -> None:
    """Change what the JSON object has, and nothing else."""
    _the(endpoint_id, await session.fetch("update_endpoint", endpoint_id, tenant, changes))


async def delete(session: Session, endpoint_id: int, tenant: str | None = None) -> None:
    """What is open for it is cancelled, its history stays."""
    _the(endpoint_id, await session.fetch("delete_endpoint", endpoint_id, tenant))


async def activate(session: Session, endpoint_id: int, tenant: str | None = None) -> None:
    _the(endpoint_id, await session.fetch("activate_endpoint", endpoint_id, tenant))


async def pause(session: Session, endpoint_id: int, tenant: str | None = None) -> None:
    _the(endpoint_id, await session.fetch("pause_endpoint", endpoint_id, tenant))


async def resume(session: Session, endpoint_id: int, tenant: str | None = None) -> None:
    _the(endpoint_id, await session.fetch("resume_endpoint", endpoint_id, tenant))


async def send_test(
    session: Session, endpoint_id: int, event_type: str | None = None, tenant: str | None = None
) -> int:
    """Send it a test, to it alone, in any state, once; the delivery's id."""
    delivery_id: int = _the(endpoint_id, await session.fetch("test_endpoint", endpoint_id, tenant, event_type))[0]
    return delivery_id


async def rotate_secret(
    session: Session,
    endpoint_id: int,
    *,
    secret: str | None = None,
    overlap_s: float | None = None,
    tenant: str | None = None,
) -> str:
    """The new secret, made where none is given; the former one signs too for `overlap_s`, a day unless said."""
    found = await session.fetch("rotate_secret", endpoint_id, tenant, secret, overlap_s)
    new: str = _the(endpoint_id, found)[0]
    return new


def _the(endpoint_id: int, found: Rows) -> Row:
    if not found:
        raise Missing("endpoint", endpoint_id)
    return found[0]
