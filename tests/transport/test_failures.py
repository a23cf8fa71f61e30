"""What errors say. The real ones are beside the thing that causes them; here are those that are hard to cause."""

import errno
import socket

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey

from dispatcher.model import NoReply, Reason
from dispatcher.transport.failures import reason_of
from dispatcher.transport.guard import BlockedAddress
from tests.transport.conftest import a_request

KEY = ConnectionKey(
    host="planted.test",
    port=443,
    is_ssl=True,
    ssl=True,
    proxy=None,
    proxy_auth=None,
    proxy_headers_hash=None,
    server_hostname=None,
)


def connecting(number: int) -> aiohttp.ClientConnectorError:
    return aiohttp.ClientConnectorError(KEY, OSError(number, "it said"))


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (connecting(errno.ECONNREFUSED), NoReply(Reason.CONNECT, "ECONNREFUSED Connection refused")),
        (connecting(errno.EHOSTUNREACH), NoReply(Reason.CONNECT, "EHOSTUNREACH No route to host")),
        (connecting(errno.ENETUNREACH), NoReply(Reason.CONNECT, "ENETUNREACH Network is unreachable")),
        (connecting(errno.ETIMEDOUT), NoReply(Reason.TIMEOUT, "ETIMEDOUT")),
        (connecting(errno.ECONNRESET), NoReply(Reason.TLS, "the connection ended during the handshake")),
        (connecting(errno.EACCES), NoReply(Reason.BLOCKED_ADDRESS, "EACCES from this machine's firewall")),
        (connecting(errno.EMFILE), NoReply(Reason.INTERNAL, "EMFILE on this machine")),
        (connecting(errno.EADDRNOTAVAIL), NoReply(Reason.INTERNAL, "EADDRNOTAVAIL on this machine")),
        (aiohttp.ClientConnectorError(KEY, BlockedAddress("the rule")), NoReply(Reason.BLOCKED_ADDRESS, "the rule")),
        (aiohttp.ClientConnectorDNSError(KEY, OSError(None, "no name")), NoReply(Reason.DNS, "no name")),
        (aiohttp.ClientConnectorDNSError(KEY, socket.gaierror(-2, "no")), NoReply(Reason.DNS, "no")),
        (TimeoutError(), NoReply(Reason.TIMEOUT, "no reply within the deadline")),
        (ConnectionResetError(errno.ECONNRESET, "x"), NoReply(Reason.RESET, "ECONNRESET")),
        (aiohttp.ClientOSError(errno.EPIPE, "planted"), NoReply(Reason.RESET, "EPIPE")),
        (aiohttp.ServerDisconnectedError(), NoReply(Reason.RESET, "the connection ended without a reply")),
        (aiohttp.InvalidURL("http://user:planted@x/?planted"), NoReply(Reason.INTERNAL, "InvalidURL")),
        (ValueError("planted"), NoReply(Reason.INTERNAL, "ValueError")),
        (AssertionError("planted"), NoReply(Reason.INTERNAL, "AssertionError")),
        (UnicodeError("planted"), NoReply(Reason.INTERNAL, "UnicodeError")),
        (MemoryError(), NoReply(Reason.INTERNAL, "MemoryError")),
    ],
)
def test_each_failure_has_its_reason_and_tells_no_secret(error, answer):
    assert reason_of(error) == answer


def test_a_note_is_short_and_printable():
    note = reason_of(BlockedAddress("ä\n\x1b" + "x" * 500)).note
    assert note == "???" + "x" * 197


async def test_a_closed_port_is_connect(post):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    answer = await post(f"http://127.0.0.1:{port}/?token=planted")
    assert answer.reason is Reason.CONNECT, answer
    assert answer.note.startswith("ECONNREFUSED")
    assert "planted" not in answer.note


async def test_running_out_of_files_is_our_own_fault(sender, monkeypatch):
    def exhausted(*_):
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(socket, "socket", exhausted)
    answer = await sender.post(a_request("http://127.0.0.1:8080/"), 5)
    assert answer == NoReply(Reason.INTERNAL, "EMFILE on this machine")
