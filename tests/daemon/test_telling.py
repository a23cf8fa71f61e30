"""What a dispatcher says of itself: to systemd, and to whoever reads its status.json."""

import asyncio
import json
import os
import signal
import socket
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from dispatcher.config import Settings
from dispatcher.daemon import Dispatcher
from dispatcher.daemon.standing import Standing
from dispatcher.daemon.telling import STUCK_S, Pulse, Telling
from dispatcher.observe.systemd import Systemd
from tests.support.daemon import daemon, starting
from tests.support.eventually import eventually
from tests.support.sql import insert, subscribe


class Supervisor:
    """The socket systemd would listen on."""

    def __init__(self, folder: Path):
        self.address = str(folder / "notify")
        self.heard: list[dict[str, str]] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind(self.address)

    def listen(self) -> list[dict[str, str]]:
        try:
            while True:
                lines = self._socket.recv(65536).decode().splitlines()
                self.heard.append(dict(line.split("=", 1) for line in lines))
        except BlockingIOError:
            return self.heard

    def said(self, name: str) -> list[str]:
        return [message[name] for message in self.listen() if name in message]

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def supervisor(tmp_path):
    supervisor = Supervisor(tmp_path)
    yield supervisor
    supervisor.close()


@asynccontextmanager
async def supervised(dsn: str, supervisor: Supervisor, folder: Path, **settings: object):
    under = [
        "env", f"NOTIFY_SOCKET={supervisor.address}", "WATCHDOG_USEC=300000", f"RUNTIME_DIRECTORY={folder}",
    ]  # fmt: skip
    async with starting(dsn, under=under, **settings) as running:
        yield running


async def test_ready_is_said_while_the_database_is_waited_for(supervisor, tmp_path):
    async with supervised("postgresql://app@/app?host=/nonexistent", supervisor, tmp_path) as running:
        await eventually(lambda: supervisor.said("READY"))
        await eventually(
            lambda: "app@/app?host=/nonexistent: [Errno 2] No such file or directory" in supervisor.said("STATUS")[-1]
        )
        assert supervisor.said("STATUS")[-1].startswith("Waiting for the database: ")
        fed = len(supervisor.said("WATCHDOG"))
        await eventually(lambda: len(supervisor.said("WATCHDOG")) > fed + 3)
        assert running.process.returncode is None


async def test_the_status_says_what_it_does(database, db, receiver, supervisor, tmp_path):
    await subscribe(db, receiver.url())
    receiver.hang()
    async with supervised(database.dsn, supervisor, tmp_path) as running:
        await eventually(lambda: "Holding the work: 0 in flight, 0 unsettled" in supervisor.said("STATUS"))
        await insert(db)
        await eventually(lambda: "Holding the work: 1 in flight, 0 unsettled" in supervisor.said("STATUS"))
        running.terminate()
        await eventually(lambda: supervisor.said("STOPPING"))
        await eventually(lambda: "Draining: 1 in flight, 0 unsettled" in supervisor.said("STATUS"))
        await eventually(lambda: supervisor.said("EXTEND_TIMEOUT_USEC"))
        receiver.let_go()
        assert await running.ends() == 0


async def test_a_standby_says_who_has_the_work(database, supervisor, tmp_path):
    async with daemon(database.dsn) as first, supervised(database.dsn, supervisor, tmp_path):
        said = f"Standby: the work is held by dispatcher: holder pid {first.process.pid} on "
        await eventually(lambda: any(status.startswith(said) for status in supervisor.said("STATUS")))


async def test_a_reload_is_announced_and_ended(database, supervisor, tmp_path):
    async with supervised(database.dsn, supervisor, tmp_path) as running:
        await running.says("work.taken")
        running.process.send_signal(signal.SIGHUP)
        await running.says("configuration.reloaded")
        (reloading,) = [number for number, message in enumerate(supervisor.listen()) if "RELOADING" in message]
        await eventually(lambda: [m for m in supervisor.listen()[reloading:] if "READY" in m])
        assert int(supervisor.heard[reloading]["MONOTONIC_USEC"]) > 0


async def test_a_file_tells_how_it_stands_for_as_long_as_it_runs(database, supervisor, tmp_path):
    file = tmp_path / "status.json"
    async with supervised(database.dsn, supervisor, tmp_path) as running:
        await running.says("work.taken")
        told = await eventually(lambda: (told := read(file)) and told["role"] == "holder" and told)
        assert told["pid"] == running.process.pid
        assert (told["epoch"], told["in_flight"], told["unsettled"], told["parked"]) == (1, 0, 0, 0)
        assert told["database"] is None
        running.terminate()
        assert await running.ends() == 0
        assert not file.exists()


def read(file: Path) -> dict | None:
    return json.loads(file.read_text()) if file.exists() else None


async def test_a_folder_that_cannot_be_written_stops_nothing(database, supervisor, tmp_path):
    async with supervised(database.dsn, supervisor, tmp_path / "nowhere") as running:
        assert (await running.says("status.unwritten"))["note"] == "No such file or directory"
        await running.says("work.taken")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_a_loop_that_does_not_come_back_is_said_once_and_no_longer_vouched_for(supervisor):
    clock, begun, released = Clock(), asyncio.Event(), asyncio.Event()
    pulse = Pulse(clock)

    async def step() -> int:
        begun.set()
        await released.wait()
        return 0

    environ = {"NOTIFY_SOCKET": supervisor.address, "WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid())}
    systemd = Systemd.of(environ)
    telling = Telling(systemd, lambda: Standing("holder", stuck=pulse.stuck()), None)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(pulse.watched("refill", step)())
        await begun.wait()
        await telling.step()
        assert len(supervisor.said("WATCHDOG")) == 1
        clock.now = STUCK_S + 1
        with capture_logs() as said:
            await telling.step()
            await telling.step()
        assert [(entry["event"], entry["loop"]) for entry in said] == [("loop.stuck", "refill")]
        assert len(supervisor.said("WATCHDOG")) == 1
        assert supervisor.said("STATUS")[-1] == "STUCK in refill; Holding the work: 0 in flight, 0 unsettled"
        released.set()
    await telling.step()
    systemd.close()
    assert len(supervisor.said("WATCHDOG")) == 2


async def test_an_answer_from_the_database_is_a_sign_of_life():
    clock = Clock()
    pulse = Pulse(clock)

    async def step() -> int:
        clock.now += STUCK_S - 1
        pulse.progress()
        clock.now += STUCK_S - 1
        assert not pulse.stuck()
        return 0

    await pulse.watched("changes", step)()


async def test_every_loop_is_watched(database):
    stopping = asyncio.Event()
    dispatcher = Dispatcher(Settings.model_validate({"database": {"dsn": database.dsn}}))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(dispatcher.run(stopping, started=stopping.set))
        await stopping.wait()
        turning = {task.get_name() for task in asyncio.all_tasks() if "keep" in repr(task.get_coro())}
    assert turning
    assert dispatcher._pulse.names == turning


def test_every_role_has_its_sentence():
    assert str(Standing("waiting")) == "Waiting for the database: connecting"
    assert str(Standing("waiting", database="refused", in_flight=2, unsettled=1)) == (
        "Waiting for the database: refused; 2 in flight, 1 unsettled"
    )
    assert str(Standing("standby", other="pid 7 on web1")) == "Standby: the work is held by pid 7 on web1"
    assert str(Standing("holder", parked=3)) == "Holding the work: 0 in flight, 0 unsettled, 3 endpoints parked"
    assert str(Standing("draining", in_flight=4)) == "Draining: 4 in flight, 0 unsettled"
