"""By way of a forward proxy a receiver gets away with no more than without: through a tunnel, and over http."""

import asyncio
import gzip
import time
from contextlib import asynccontextmanager

import pytest

from dispatcher.model import NoReply, Reason, Reply
from dispatcher.transport import connections
from dispatcher.transport import sender as module
from dispatcher.transport.connections import KEPT_REPLY
from tests.support.wire import answering, receiving, saying, silence
from tests.transport.conftest import NAME, OK, a_request
from tests.transport.test_deadline import DEADLINE_S, EARLY_S, HEAD, LATE_S, endlessly
from tests.transport.test_hostile_replies import CHUNKED, flooding

POISON = b"HTTP/1.1 299 Poison\r\ncontent-length: 0\r\n\r\n"
CLOSE = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
LARGE = b"HTTP/1.1 200 OK\r\ncontent-length: 40000\r\n\r\n" + b"x" * 40000


@pytest.fixture(params=["http", "tunnel"])
def hostile(request, authority):
    """A receiver that has `talk` with everyone, and its URL as endpoints have it."""

    @asynccontextmanager
    async def made(talk):
        async with receiving(talk, tls=authority.issue(NAME) if request.param == "tunnel" else None) as receiver:
            yield receiver, receiver.url(host=NAME)

    return made


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_never_followed(forward, relay, hostile, status):
    reply = b"HTTP/1.1 %d Go\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n" % status
    async with hostile(answering(reply)) as (receiver, url):
        assert await relay(url) == Reply(status)
        assert len(receiver.requests) == len(forward.asked) == 1


async def test_a_compressed_body_is_kept_as_it_came(relay, hostile):
    bomb = gzip.compress(bytes(10_000_000))[: KEPT_REPLY - 1]
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(bomb)
    async with hostile(answering(head + bomb)) as (_, url):
        assert await relay(url) == Reply(200, body=bomb)


@pytest.mark.parametrize(
    ("first", "again", "answer"),
    [
        pytest.param(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100, None, id="interim replies"),
        pytest.param(CHUNKED + b"1;", b"x" * 4096, Reply(200), id="a chunk extension"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536, Reply(200, body=b"x" * KEPT_REPLY), id="a body"),
    ],
)
async def test_a_flood_ends_by_its_size_not_by_the_deadline(relay, hostile, first, again, answer):
    async with hostile(flooding(first, again)) as (receiver, url):
        got = await asyncio.wait_for(relay(url, 30), 2)
        await receiver.left.wait()
    assert got == (answer or NoReply(Reason.PROTOCOL, "the reply is not HTTP: FloodedReply"))


async def test_what_is_not_http_is_the_receivers_protocol(relay, hostile):
    async with hostile(saying(b"SSH-2.0-OpenSSH_9.2p1\r\n")) as (_, url):
        answer = await relay(url)
    assert answer.reason is Reason.PROTOCOL, answer


@pytest.mark.parametrize("then", ["close", "reset"])
async def test_an_end_without_a_reply_is_the_receivers_reset(relay, hostile, then):
    async with hostile(saying(b"HTTP/1.1 200", then=then)) as (_, url):
        answer = await relay(url)
    assert answer.reason is Reason.RESET, answer


@pytest.mark.parametrize(
    "talk",
    [
        pytest.param(silence(), id="silence"),
        pytest.param(saying(b"HTTP/1.1 200 OK\r\nx"), id="half a head"),
        pytest.param(endlessly(b"HTTP/1.1 200 OK\r\nx: ", b"y"), id="a dripping head"),
    ],
)
async def test_a_receiver_has_until_the_deadline_and_the_proxy_is_not_blamed(relay, hostile, talk):
    async with hostile(talk) as (_, url):
        began = time.monotonic()
        answer = await relay(url, DEADLINE_S)
        took_s = time.monotonic() - began
    assert answer.reason is Reason.TIMEOUT, answer
    assert DEADLINE_S - EARLY_S <= took_s < DEADLINE_S + LATE_S


async def test_a_body_that_drips_has_a_small_budget_of_its_own(relay, hostile, monkeypatch):
    monkeypatch.setattr(module, "BODY_S", DEADLINE_S)
    async with hostile(endlessly(HEAD, b"y")) as (_, url):
        began = time.monotonic()
        answer = await relay(url, 30)
        took_s = time.monotonic() - began
    assert answer.status == 200
    assert DEADLINE_S - EARLY_S <= took_s < DEADLINE_S + LATE_S


@pytest.mark.parametrize("reply", [CLOSE, LARGE, OK + POISON], ids=["asked to", "unread rest", "a second reply"])
async def test_a_connection_that_is_not_clean_is_not_used_again(forward, relay, hostile, reply):
    async with hostile(answering(reply)) as (receiver, url):
        answers = [await relay(url) for _ in range(3)]
        assert [answer.status for answer in answers] == [200, 200, 200]
        assert receiver.connections == forward.connections == 3


@pytest.mark.parametrize("late", [POISON, b"\n"], ids=["a reply", "a byte"])
async def test_what_comes_late_never_answers_a_later_request(relay, hostile, late):
    told, done = asyncio.Event(), asyncio.Event()

    async def talk(line):
        await line.request()
        await line.say(OK)
        if line.receiver.connections == 1:
            await told.wait()
            await line.say(late)
            await line.until_left()
            done.set()
        await line.until_left()

    async with hostile(talk) as (receiver, url):
        assert await relay(url) == Reply(200, body=b"ok")
        told.set()
        # It has travelled through the proxy, and the connection it came over is closed, once the receiver is left.
        await done.wait()
        assert await relay(url) == Reply(200, body=b"ok")
        assert receiver.connections == 2


async def test_an_idle_connection_is_closed_in_time(forward, through, hostile, monkeypatch):
    monkeypatch.setattr(connections, "IDLE_S", 0.05)

    async def talk(line):
        await line.request()
        await line.say(OK)
        await line.until_left()

    async with hostile(talk) as (receiver, url):
        sender = await through(forward.url())
        await sender.post(a_request(url), 5)
        await receiver.left.wait()
