"""A webhook as a customer of a product has it: subscribed under its profile, and activated."""

import base64
import os
from datetime import UTC, datetime

import asyncpg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from dispatcher.daemon import Dispatcher
from tests.contracts.receivers import Contract, Sent
from tests.support.eventually import eventually
from tests.support.sql import endpoint, insert, subscribe

AT = datetime(2024, 3, 5, 10, 30, 0, 120_000, UTC)
DATA = '{"id": "conv_123", "status":"open",\n "inbox_id": 1, "n": 1e400}'


async def hook(db: asyncpg.Connection, contract: Contract, url: str, **settings: object) -> tuple[int, str | None]:
    """Its id and secret; whatever state the profile begins with, it is active.

    It has time enough, unless a test says otherwise: how busy a machine is breaks no contract but that of the deadline.
    """
    given = {"profile": contract.profile, "timeout_s": 30, **contract.required, **settings}
    endpoint_id, secret = await subscribe(db, url, **given)
    await db.execute("update webhooks.endpoints set state = 'active' where id = $1", endpoint_id)
    return endpoint_id, secret


async def send(
    db: asyncpg.Connection, type_: str = "conversation.created", data: str = DATA, **columns: object
) -> Sent:
    """Insert an event, and say what was inserted."""
    given = {"occurred_at": AT, **columns}
    event_id = await insert(db, type_, data, **given)
    context = given.get("context")
    return Sent(event_id, type_, data, AT, None if context is None else str(context))


def a_secret() -> str:
    return f"whsec_{base64.b64encode(os.urandom(32)).decode()}"


def a_pair() -> str:
    """A key for ed25519: its seed and its public half."""
    key = Ed25519PrivateKey.generate()
    return f"whsk_{base64.b64encode(key.private_bytes_raw() + key.public_key().public_bytes_raw()).decode()}"


async def applied(dispatcher: Dispatcher, db: asyncpg.Connection, endpoint_id: int) -> None:
    """Wait until a change of its row is what requests are made by, as within a second it is."""
    row = await endpoint(db, endpoint_id)

    def is_known() -> bool:
        lane = dispatcher._stages.lanes.get(endpoint_id)
        return lane is None or (lane.endpoint.url, lane.endpoint.state) == (row["url"], row["state"])

    await eventually(is_known, within=5)


async def refused(db: asyncpg.Connection, statement: str, *args: object) -> asyncpg.PostgresError:
    """The refusal, which names a rule and what is allowed, and shows nothing of the row."""
    with pytest.raises(asyncpg.PostgresError) as caught:
        async with db.transaction():
            await db.execute(statement, *args)
    error = caught.value
    assert error.sqlstate in {"23514", "22023"}, error.args
    assert error.constraint_name
    assert error.hint
    assert error.detail is None
    return error
