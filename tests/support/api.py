"""The HTTP API as its clients see it: a listener with routes of the test's own, tokens, and what they get."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import aiohttp

from dispatcher.daemon.door import Door
from dispatcher.daemon.sessions import Sessions
from dispatcher.daemon.values import Rules
from dispatcher.store import tokens
from dispatcher.store.session import Login, Session
from tests.support.dispatching import settings


@dataclass(frozen=True)
class Got:
    """A reply."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def kind(self) -> str:
        assert self.headers["content-type"] == "application/problem+json", self
        assert self.json["status"] == self.status
        return self.json["type"].removeprefix("urn:dispatcher:problem:")


@dataclass
class Client:
    """Asks the listener at `url`; with `token`, shows it."""

    http: aiohttp.ClientSession
    url: str
    token: str | None = None

    async def ask(self, method: str, path: str, *, given: Any = None, **headers: str) -> Got:
        """`given` is sent as JSON, bytes as they are; `header_name=value`."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token is not None:
            sent.setdefault("authorization", f"Bearer {self.token}")
        if given is not None:
            sent.setdefault("content-type", "application/json")
        data = given if given is None or isinstance(given, bytes) else json.dumps(given).encode()
        async with self.http.request(method, self.url + path, data=data and BytesIO(data), headers=sent) as response:
            return Got(response.status, response.headers, await response.read())

    async def get(self, path: str, **headers: str) -> Got:
        return await self.ask("GET", path, **headers)

    async def post(self, path: str, given: Any = None, **headers: str) -> Got:
        return await self.ask("POST", path, given=given, **headers)


@dataclass
class Api:
    """A listener, and who may ask it."""

    door: Door
    dsn: str
    http: aiohttp.ClientSession
    session: Session
    answered: list[None]
    """An entry for each answer of the database."""

    def count_queries(self) -> Callable[[], int]:
        """How many there were since."""
        before = len(self.answered)
        return lambda: len(self.answered) - before

    @property
    def port(self) -> int:
        assert self.door.listener.at is not None
        return int(self.door.listener.at.rpartition(":")[2])

    def client(self, token: str | None = None) -> Client:
        return Client(self.http, f"http://127.0.0.1:{self.port}", token)

    async def token(self, scope: str = "admin", **of: Any) -> tokens.Made:
        return await tokens.create(self.session, of.pop("name", "test"), scope, **of)

    async def with_token(self, scope: str = "admin", **of: Any) -> Client:
        return self.client((await self.token(scope, **of)).text)

    async def raw(self, text: bytes) -> bytes:
        """Everything that comes back for these bytes, until the other side has had enough."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        said = b""
        try:
            async with asyncio.timeout(30):
                writer.write(text)
                await writer.drain()
                while piece := await reader.read(65536):
                    said += piece
        except ConnectionError:
            pass  # it had enough before all was sent
        finally:
            writer.close()
        return said


@asynccontextmanager
async def serving(
    dsn: str, resources: Sequence[Any] | None = (), bounds: Mapping[str, object] | None = None, **keys: object
) -> AsyncIterator[Api]:
    """A listener without the rest of a dispatcher, with these resources; None is the product's.

    `bounds`: those of its connections.
    """
    given = settings(dsn, **{"admin__listen": "127.0.0.1:0", **keys})
    answered: list[None] = []
    sessions = Sessions(given, lambda: answered.append(None))
    session = Session(Login(dsn), "test")
    door = Door(Rules.read(given), sessions, asyncio.get_running_loop().time, resources)
    door.listener._bounds = dict(bounds or {})
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar()
    ) as http:
        try:
            await door.step()
            yield Api(door, dsn, http, session, answered)
        finally:
            await door.close()
            await sessions.close()
            await session.close()
