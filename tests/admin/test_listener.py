"""Where it listens: opened as soon as that can be had, by one alone, and closed without delay."""

import asyncio
import os
import socket
import stat
import time
from pathlib import Path

import aiohttp
import pytest
from structlog.testing import capture_logs

from dispatcher.admin.limits import SLOWED
from tests.support.api import serving
from tests.support.daemon import daemon, starting
from tests.support.eventually import eventually
from tests.support.trying import RESOURCES, gates


@pytest.fixture
def path(tmp_path_factory) -> Path:
    """Of a short name: a socket's address has little room."""
    return tmp_path_factory.mktemp("s") / "s"


async def health(path: Path) -> int:
    async with (
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as http,
        http.get("http://localhost/healthz") as response,
    ):
        return response.status


async def test_a_unix_socket_is_for_its_group_and_is_gone_at_the_end(database, path):
    async with serving(database.dsn, admin__listen=f"unix:{path}") as api:
        mode = path.stat().st_mode
        assert stat.S_ISSOCK(mode)
        assert stat.S_IMODE(mode) == 0o660
        assert await health(path) == 200
        assert api.door.listener.at == f"unix:{path}"
    assert not path.exists()


async def test_a_socket_that_nobody_listens_on_is_replaced(database, path):
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    async with serving(database.dsn, admin__listen=f"unix:{path}"):
        assert await health(path) == 200


async def test_a_socket_that_somebody_listens_on_is_not(database, path):
    async with serving(database.dsn, admin__listen=f"unix:{path}") as first:
        before = path.stat().st_ino
        with capture_logs() as said:
            async with serving(database.dsn, admin__listen=f"unix:{path}") as second:
                await second.door.step()
                assert second.door.listener.at is None
                assert path.stat().st_ino == before
                await first.door.close()
                await second.door.step()
                assert second.door.listener.at is not None
                assert await health(path) == 200
    awaited = [line for line in said if line["event"] == "admin.awaited"]
    assert awaited == [
        {"event": "admin.awaited", "log_level": "warning", "listen": f"unix:{path}", "note": "Address already in use"}
    ]


async def test_what_is_no_socket_is_left_alone(database, path):
    path.write_text("precious")
    with capture_logs() as said:
        async with serving(database.dsn, admin__listen=f"unix:{path}") as api:
            assert api.door.listener.at is None
    assert [line["note"] for line in said if line["event"] == "admin.awaited"] == [
        "something that is no socket is there"
    ]
    assert path.read_text() == "precious"


async def test_a_socket_that_replaced_ours_is_not_removed(database, path):
    async with serving(database.dsn, admin__listen=f"unix:{path}"):
        path.unlink()
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(str(path))
    assert path.exists()


@pytest.mark.parametrize("listen", ["unix:/nonexistent/admin.sock", "192.0.2.1:8480"])
async def test_what_cannot_be_had_is_said_once_and_tried_again(database, listen):
    with capture_logs() as said:
        async with serving(database.dsn, admin__listen=listen, admin__allow_remote=True) as api:
            await api.door.step()
    assert [line["event"] for line in said] == ["admin.awaited"]
    assert said[0]["listen"] == listen


async def test_who_comes_over_a_unix_socket_is_known_by_its_user(database, path):
    async with (
        serving(database.dsn, RESOURCES, admin__listen=f"unix:{path}"),
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as http,
    ):
        wrong = {"Authorization": "Bearer none"}
        with capture_logs() as said:
            for _ in range(SLOWED + 1):
                async with http.get("http://localhost/api/v1/things", headers=wrong) as response:
                    await response.read()
        assert response.status == 401
    assert [line["peer"] for line in said if line["event"] == "peer.slowed"] == [f"uid {os.getuid()}"]


# Closing.


async def test_who_waits_or_sends_slowly_is_cut_at_once_when_it_closes(api):
    token = (await api.token()).text
    waiting = [
        b"", b"GET /heal", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"POST /api/v1/things HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + token.encode()
        + b"\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{",
    ]  # fmt: skip
    readers = []
    for text in waiting:
        reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
        writer.write(text)
        readers.append((reader, writer))
    await eventually(lambda: len(api.door.listener._connections.all) == len(waiting))
    await readers[2][0].readline()
    began = time.monotonic()
    await api.door.close()
    assert time.monotonic() - began < 0.9
    for reader, writer in readers:
        async with asyncio.timeout(5):
            await reader.read()
        writer.close()


async def test_who_is_being_served_has_a_moment_when_it_closes(api):
    gates["shut"], gates["shut reached"] = asyncio.Event(), asyncio.Event()
    client = await api.with_token()
    async with asyncio.TaskGroup() as tasks:
        served = tasks.create_task(client.post("/api/v1/things", {"name": "x", "gate": "shut"}))
        await gates["shut reached"].wait()
        closing = tasks.create_task(api.door.close())
        asyncio.get_running_loop().call_later(0.1, gates["shut"].set)
    assert served.result().status == 201
    assert closing.done()


async def test_but_not_more_than_a_moment(api, db):
    gates["never"], gates["never reached"] = asyncio.Event(), asyncio.Event()
    client = await api.with_token(name="caller")
    began = time.monotonic()
    async with asyncio.TaskGroup() as tasks:
        served = tasks.create_task(cut(client))
        await gates["never reached"].wait()
        await api.door.close()
    assert served.result()
    assert time.monotonic() - began < 5
    assert await db.fetchval("select count(*) from webhooks.tokens where name <> 'caller'") == 0


async def cut(client) -> bool:
    try:
        await client.post("/api/v1/things", {"name": "x", "gate": "never"})
    except aiohttp.ClientError:
        return True
    return False


# In a dispatcher.


async def test_a_standby_serves_as_well_and_takes_the_address_over(database):
    async with daemon(database.dsn, admin__listen="127.0.0.1:0") as first:
        listen = (await first.says("admin.opened"))["listen"]
        async with starting(database.dsn, admin__listen=listen) as second:
            awaited = await second.says("admin.awaited")
            assert (awaited["listen"], awaited["note"]) == (listen, "Address already in use")
            await second.says("work.awaited")
            assert await answers(listen, "/readyz") == 200
            first.terminate()
            await second.says("admin.opened")
            assert await answers(listen, "/readyz") == 200
            assert len(second.said("admin.awaited")) == 1
            assert await first.ends() == 0
        events = [line["event"] for line in first.log]
        assert events[-2:] == ["admin.closed", "dispatcher.stopped"]


async def answers(listen: str, path: str) -> int:
    async with aiohttp.ClientSession() as http, http.get(f"http://{listen}{path}") as response:
        return response.status


async def test_a_standby_serves_elsewhere(database):
    async with daemon(database.dsn), starting(database.dsn, admin__listen="127.0.0.1:0") as standby:
        listen = (await standby.says("admin.opened"))["listen"]
        await standby.says("work.awaited")
        assert await answers(listen, "/healthz") == 200
        assert await answers(listen, "/readyz") == 200


async def test_a_reload_moves_it(database, tmp_path, path):
    file = tmp_path / "dispatcher.toml"
    file.write_text('[admin]\nlisten = "127.0.0.1:0"\n')
    words = ["--config", str(file)]
    async with starting(database.dsn, arguments=words, unset=["DISPATCHER_ADMIN__LISTEN"]) as running:
        listen = (await running.says("admin.opened"))["listen"]
        file.write_text(f'[admin]\nlisten = "unix:{path}"\nallow_hosts = ["hooks.example.com"]\n')
        running.reload()
        assert (await running.says("configuration.reloaded"))["changed"] == ["admin.listen", "admin.allow_hosts"]
        await eventually(lambda: len(running.said("admin.opened")) == 2)
        assert await health(path) == 200
        assert (await running.says("admin.closed"))["listen"] == listen


async def test_what_is_sent_slowly_does_not_delay_a_stop(database):
    async with daemon(database.dsn, admin__listen="127.0.0.1:0") as running:
        port = int((await running.says("admin.opened"))["listen"].rpartition(":")[2])
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /api/v1/things HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{")
        running.terminate()
        began = time.monotonic()
        assert await running.ends() == 0
        assert time.monotonic() - began < 5
        writer.close()
