"""An endpoint full of secrets, and what a refusal may say of it."""

import base64

import asyncpg
import pytest

from tests.support.sql import subscribe

URL = "https://example.com/hook?token=hidden-query"
SECRET = "whsec_" + base64.b64encode(b"hidden-secret-of-24-bytes").decode()
API_KEY = "hidden-api-key"
HEADERS = '{"Authorization": "hidden-header"}'
HIDDEN = ("hidden", SECRET[6:])


async def refused(db, statement: str, *args: object) -> asyncpg.PostgresError:
    with pytest.raises(asyncpg.PostgresError) as caught:
        async with db.transaction():
            await db.execute(statement, *args)
    return caught.value


def judge(error: asyncpg.PostgresError, rule: str, *sqlstates: str) -> None:
    assert (error.sqlstate in sqlstates, error.constraint_name) == (True, rule), (error.sqlstate, error.args)
    assert error.hint
    assert error.detail is None
    shown = " ".join(str(value) for name, value in error.as_dict().items() if name != "query")
    assert not [word for word in HIDDEN if word in shown], shown


async def own(db) -> int:
    """An endpoint with every secret there is."""
    endpoint_id, _ = await subscribe(db, URL, secret=SECRET, api_key=API_KEY, headers=HEADERS)
    await db.execute("update webhooks.endpoints set previous_secret = secret, previous_secret_until = now()")
    return endpoint_id
