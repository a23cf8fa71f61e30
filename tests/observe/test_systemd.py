"""What systemd would read from its socket."""

import os
import shutil
import socket
import tempfile
import time
from pathlib import Path

import pytest

from dispatcher.observe.systemd import Systemd


class Listening:
    """systemd's end: a datagram socket at a path or, with "@", at an abstract name."""

    def __init__(self, address):
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address.replace("@", "\0"))
        self._socket.settimeout(0)

    def heard(self):
        """The next message, variable by variable, in its order; nothing if there is none."""
        try:
            lines = self._socket.recv(65536).decode().split("\n")
        except BlockingIOError:
            return {}
        return dict(line.split("=", 1) for line in lines)

    def everything(self):
        return list(iter(self.heard, {}))

    def close(self):
        self._socket.close()


@pytest.fixture
def folder():
    folder = Path(tempfile.mkdtemp(prefix="notify-"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(params=["path", "abstract"])
def listening(request, folder):
    listening = Listening(f"{'@' if request.param == 'abstract' else ''}{folder}/socket")
    yield listening
    listening.close()


@pytest.fixture
def systemd(listening):
    systemd = Systemd.of({"NOTIFY_SOCKET": listening.address})
    yield systemd
    systemd.close()


def test_it_is_told_each_thing_in_its_words(systemd, listening):
    systemd.ready("waits for the database")
    assert listening.heard() == {"READY": "1", "STATUS": "waits for the database"}
    systemd.status("holds the work")
    assert listening.heard() == {"STATUS": "holds the work"}
    systemd.watchdog()
    assert listening.heard() == {"WATCHDOG": "1"}
    systemd.stopping()
    assert listening.heard() == {"STOPPING": "1"}
    systemd.extend(1.5)
    assert listening.heard() == {"EXTEND_TIMEOUT_USEC": "1500000"}


def test_a_reload_says_when_it_began(systemd, listening):
    before = time.monotonic_ns() // 1000
    systemd.reloading()
    heard = listening.heard()
    assert heard["RELOADING"] == "1"
    assert before <= int(heard["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000


def test_a_status_is_said_once(systemd, listening):
    systemd.ready("holds the work")
    systemd.status("holds the work")
    systemd.status("drains")
    systemd.status("drains")
    assert listening.everything() == [{"READY": "1", "STATUS": "holds the work"}, {"STATUS": "drains"}]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("awaits it\nREADY=1", "awaits it\\nREADY=1"),
        ("red \x1b[31m", "red \\x1b[31m"),
        ("höchstens 3 Sekunden", "höchstens 3 Sekunden"),
        ("half \udcff a character", "half \\udcff a character"),
        ("postgresql://app:hunter2@db/app is away", "postgresql://app:***@db/app is away"),
        ("postgresql://app:" + "hunter2" * 100 + "@db/app is away", "postgresql://app:***@db/app is away"),
    ],
)
def test_a_status_is_one_line_that_shows_no_password(systemd, listening, text, told):
    systemd.status(text)
    assert listening.everything() == [{"STATUS": told}]


@pytest.mark.parametrize("text", ["x" * 100_000, "\x00" * 100_000, "€" * 100_000])
def test_a_message_stays_within_what_systemd_reads(systemd, listening, text):
    systemd.ready(text)
    (heard,) = listening.everything()
    assert heard["READY"] == "1"
    assert len(heard["STATUS"].encode()) < 2000


def test_a_full_queue_holds_up_nobody_and_what_counts_is_said_later(systemd, listening):
    for _ in range(10_000):  # the kernel holds ten, or 512
        systemd.watchdog()
    systemd.reloading()
    systemd.status("reads its configuration")
    systemd.ready("holds the work")
    said = [variable for message in listening.everything() for variable in message]
    assert set(said) == {"WATCHDOG"}
    systemd.watchdog()
    (owed,) = listening.everything()
    assert list(owed) == ["RELOADING", "MONOTONIC_USEC", "READY", "STATUS", "WATCHDOG"]
    assert owed["STATUS"] == "holds the work"


def test_it_speaks_to_a_socket_that_is_made_anew(folder):
    first = Listening(f"{folder}/socket")
    systemd = Systemd.of({"NOTIFY_SOCKET": first.address})
    first.close()
    Path(first.address).unlink()
    systemd.ready("holds the work")
    second = Listening(first.address)
    systemd.watchdog()
    assert second.heard() == {"READY": "1", "STATUS": "holds the work", "WATCHDOG": "1"}
    second.close()
    systemd.close()


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"NOTIFY_SOCKET": ""},
        {"NOTIFY_SOCKET": "relative/socket"},
        {"NOTIFY_SOCKET": "vsock:2:1234"},
        {"NOTIFY_SOCKET": "/nowhere/to/be/found"},
        {"NOTIFY_SOCKET": "/" + "x" * 200},
        {"NOTIFY_SOCKET": "@nobody-listens-here"},
    ],
)
def test_where_nobody_listens_nothing_happens(environ):
    systemd = Systemd.of(environ)
    systemd.ready("holds the work")
    systemd.status("text")
    systemd.watchdog()
    systemd.reloading()
    systemd.stopping()
    systemd.extend(10)
    systemd.close()
    systemd.watchdog()


@pytest.mark.parametrize(
    ("environ", "watchdog_s"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "9" * 5000}, None),
        ({"WATCHDOG_USEC": "-1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_it_knows_whether_and_how_often_it_is_watched(environ, watchdog_s, folder):
    systemd = Systemd.of({"NOTIFY_SOCKET": f"{folder}/socket"} | environ)
    assert systemd.watchdog_s == watchdog_s
    systemd.close()


def test_without_a_socket_there_is_no_watchdog_to_feed():
    assert Systemd.of({"WATCHDOG_USEC": "30000000"}).watchdog_s is None


def test_a_child_inherits_none_of_it(folder):
    environ = {"NOTIFY_SOCKET": f"{folder}/socket", "WATCHDOG_USEC": "1", "WATCHDOG_PID": "1", "HOME": "/"}
    Systemd.of(environ).close()
    assert environ == {"HOME": "/"}
