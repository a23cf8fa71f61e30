"""Connections cost a bounded amount: those that say nothing, or half of it, give way; deliveries do not notice."""

import asyncio
import socket
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from tests.support.api import serving
from tests.support.daemon import daemon
from tests.support.eventually import eventually
from tests.support.sql import all_settled, insert, subscribe
from tests.support.trying import RESOURCES, gates

HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
THINGS = "/api/v1/things"
HALVES = {
    "nothing": b"",
    "half a line": b"GET /heal",
    "half a head": b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-",
    "a request, and half of another": HEALTH + b"GET /healthz HTTP/1.1\r\nHost:",
    "a request, and nothing": HEALTH,
}


@asynccontextmanager
async def opened(port: int, text: bytes = b""):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(text)
    try:
        yield reader
    finally:
        writer.transport.abort()


async def ends(reader: asyncio.StreamReader, within: float = 10.0) -> bytes:
    """What came until the other side closed."""
    try:
        async with asyncio.timeout(within):
            return await reader.read()
    except ConnectionError:
        return b""


@pytest.mark.parametrize("half", HALVES.values(), ids=HALVES)
async def test_who_does_not_go_on_is_cut(database, half):
    async with serving(database.dsn, bounds={"idle_s": 0.3}) as api, opened(api.port, half) as reader:
        said = await ends(reader)
        assert said.count(b"HTTP/1.1 200 OK") == half.count(HEALTH)


async def test_who_goes_on_slowly_is_cut_all_the_same(database):
    async with serving(database.dsn, bounds={"idle_s": 0.5}) as api:
        reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Drip: ")

        def drips() -> bool:
            writer.write(b"x")
            return reader.at_eof()

        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(ends(reader))
            await eventually(drips, within=10)
        assert reading.result() == b""
        writer.transport.abort()


async def test_a_body_that_does_not_come_is_not_waited_for(api):
    api.door.frame.body_s = 0.2
    token = (await api.token()).text
    head = (
        f"POST {THINGS} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
        "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    )
    async with opened(api.port, head.encode()) as reader:
        said = await ends(reader)
    assert said.startswith(b"HTTP/1.1 408 ")
    assert b"urn:dispatcher:problem:too-slow" in said


async def test_without_a_token_a_body_is_not_read(api):
    head = f"POST {THINGS} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n"
    async with opened(api.port, head.encode()) as reader:
        said = await ends(reader)
    assert said.startswith(b"HTTP/1.1 401 ")


async def test_a_handler_that_takes_too_long_is_answered_for(database):
    quick = [each for each in RESOURCES if each.name == "create_thing"]
    object.__setattr__(quick[0], "within_s", 0.2)
    gates["never"], gates["never reached"] = asyncio.Event(), asyncio.Event()
    try:
        async with serving(database.dsn, quick) as api:
            client = await api.with_token()
            got = await client.post(THINGS, {"name": "x", "gate": "never"})
            assert (got.status, got.kind, got.headers["retry-after"]) == (503, "unavailable", "2")
            assert (await client.post(THINGS, {"name": "x"})).status == 201
    finally:
        object.__setattr__(quick[0], "within_s", 10.0)
        gates.clear()


async def test_there_are_so_many_and_no_more_and_the_longest_waiting_gives_way(database):
    async with serving(database.dsn, bounds={"most": 5}) as api:
        connections = api.door.listener._connections
        readers, writers = [], []
        for number in range(5):
            reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
            readers.append(reader)
            writers.append(writer)
            await eventually(lambda number=number: len(connections.all) == number + 1)
        async with opened(api.port, HEALTH) as reader:
            assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
            assert await ends(readers[0]) == b""
            assert len(connections.all) == 5
            assert not readers[1].at_eof()
        for writer in writers:
            writer.transport.abort()


async def test_who_is_being_served_does_not_give_way(database):
    gates["shut"], gates["shut reached"] = asyncio.Event(), asyncio.Event()
    async with serving(database.dsn, RESOURCES, bounds={"most": 3}) as api:
        client = await api.with_token()
        async with asyncio.TaskGroup() as tasks, AsyncExitStack() as stack:
            served = tasks.create_task(client.post(THINGS, {"name": "x", "gate": "shut"}))
            await gates["shut reached"].wait()
            for _ in range(10):
                reader = await stack.enter_async_context(opened(api.port, HEALTH))
                assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
            gates["shut"].set()
        assert served.result().status == 201
    gates.clear()


async def test_who_asks_much_at_once_gets_all_of_it(api):
    """Pipelined; and nothing of one is answered to another."""
    many = 200
    reply = await api.raw(HEALTH * (many - 1) + HEALTH.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    assert reply.count(b"HTTP/1.1 200 OK") == many


async def test_hundreds_who_say_half_a_thing_hold_up_no_delivery(database, db, receiver):
    await subscribe(db, receiver.url())
    async with daemon(database.dsn, admin__listen="127.0.0.1:0") as running:
        port = int((await running.says("admin.opened"))["listen"].rpartition(":")[2])
        halves = list(HALVES.values())
        writers = []
        for number in range(600):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(halves[number % len(halves)])
            writers.append(writer)
        for _ in range(20):
            await insert(db)
        await all_settled(db)
        lags = await db.fetch(
            "select a.at - e.occurred_at as lag from webhooks.attempts a join webhooks.events e on e.id = a.event_id"
        )
        assert max(row["lag"].total_seconds() for row in lags) < 1
        async with opened(port, HEALTH) as reader:
            assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
        running.terminate()
        assert await running.ends(10) == 0
        for writer in writers:
            writer.transport.abort()
    assert running.said("request.failed") == []
    assert len(receiver.requests) == 20


LARGE = "x" * 900_000


@pytest.fixture
async def greedy(db):
    """Asks for a large event, more often than the kernel has room for, and reads nothing."""
    event_id = await insert(db, data=f'"{LARGE}"')
    async with AsyncExitStack() as stack:

        async def ask(api) -> socket.socket:
            token = (await api.token("read")).text
            head = f"GET /api/v1/events/{event_id} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n"
            sock = stack.enter_context(socket.socket())
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.setblocking(False)  # noqa: FBT003 its only parameter, by position
            await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", api.port))
            await asyncio.get_running_loop().sock_sendall(sock, head.encode() * 12)
            return sock

        yield ask


async def test_who_does_not_read_what_was_answered_is_cut(database, greedy):
    async with serving(database.dsn, None, bounds={"unread_s": 0.5}) as api:
        await greedy(api)
        connections = api.door.listener._connections
        await eventually(lambda: connections.stalled)
        await eventually(lambda: not connections.all)
        assert not connections.stalled


async def test_of_those_who_do_not_read_only_so_many_stay(database, greedy, monkeypatch):
    monkeypatch.setattr("dispatcher.admin.connections.UNREAD", 3)
    async with serving(database.dsn, None) as api:
        connections = api.door.listener._connections
        for number in range(1, 7):
            await greedy(api)
            await eventually(lambda number=number: len(connections.stalled) == min(number, 3))
        await eventually(lambda: len(connections.all) == 3)


async def test_when_it_closes_it_does_not_wait_for_those_who_do_not_read(database, greedy):
    async with serving(database.dsn, None) as api:
        await greedy(api)
        await eventually(lambda: api.door.listener._connections.stalled)
        async with asyncio.timeout(5):
            await api.door.close()
