"""A connection is used again exactly when nothing but an answer can come over it."""

import asyncio

import pytest

from dispatcher.model import Reply
from dispatcher.transport import connections
from dispatcher.transport.sender import Sender
from tests.support.wire import answering, receiving
from tests.transport.conftest import a_request

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
POISON = b"HTTP/1.1 299 Poison\r\ncontent-length: 0\r\n\r\n"


@pytest.mark.parametrize(
    "reply",
    [
        OK,
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 500 Oh\r\ntransfer-encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" + OK,
    ],
)
async def test_a_complete_reply_gives_the_connection_back(post, reply):
    async with receiving(answering(reply)) as receiver:
        for _ in range(3):
            await post(receiver.url())
    assert (receiver.connections, len(receiver.requests)) == (1, 3)


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 40000\r\n\r\n" + b"x" * 40000,
        OK + POISON,
        OK + b"HTTP/1.1 2",
    ],
    ids=["asked to", "HTTP/1.0", "unread rest", "second reply at once", "part of a second reply"],
)
async def test_any_other_reply_ends_it(post, reply):
    async with receiving(answering(reply)) as receiver:
        answers = [await post(receiver.url()) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 200]
    assert receiver.connections == 3


@pytest.mark.parametrize("late", [POISON, b"HTTP/1.1 2", b"\n", b""], ids=["a reply", "a part", "a byte", "an end"])
async def test_what_comes_late_never_answers_a_later_request(post, late):
    told, done = asyncio.Event(), asyncio.Event()

    async def talk(line):
        await line.request()
        await line.say(OK)
        if line.receiver.connections == 1:
            await told.wait()
            await line.say(late) if late else line.writer.close()
            done.set()
        await line.until_left()

    async with receiving(talk) as receiver:
        assert await post(receiver.url()) == Reply(200, body=b"ok")
        told.set()
        await done.wait()
        assert await post(receiver.url()) == Reply(200, body=b"ok")
        assert receiver.connections == 2


async def test_a_late_byte_closes_an_idle_connection_at_once(post):
    async def talk(line):
        await line.request()
        await line.say(OK)
        await told.wait()
        await line.say(b"H")
        await line.until_left()

    told = asyncio.Event()
    async with receiving(talk) as receiver:
        await post(receiver.url())
        told.set()
        async with asyncio.timeout(connections.IDLE_S / 3):
            await receiver.left.wait()


async def test_an_idle_connection_is_closed_in_time(loopback, monkeypatch):
    monkeypatch.setattr(connections, "IDLE_S", 0.05)

    async def talk(line):
        await line.request()
        await line.say(OK)
        await line.until_left()

    async with receiving(talk) as receiver, Sender(loopback) as sender:
        await sender.post(a_request(receiver.url()), 5)
        await receiver.left.wait()


async def test_of_too_many_idle_connections_the_oldest_goes(post, monkeypatch):
    monkeypatch.setattr(connections, "IDLE_CONNECTIONS", 2)

    async def talk(line):
        await line.request()
        await line.say(OK)
        await line.until_left()

    async with receiving(talk) as first, receiving(talk) as second, receiving(talk) as third:
        for receiver in (first, second, third):
            await post(receiver.url())
        await first.left.wait()
        assert not second.left.is_set()
        assert not third.left.is_set()


async def test_receivers_on_other_ports_do_not_share(post):
    async with receiving(answering(OK)) as one, receiving(answering(OK)) as other:
        await post(one.url())
        await post(other.url())
        await post(one.url())
    assert (one.connections, other.connections) == (1, 1)


async def test_leaving_closes_what_is_idle(loopback):
    async def talk(line):
        await line.request()
        await line.say(OK)
        await line.until_left()

    async with receiving(talk) as receiver:
        async with Sender(loopback) as sender:
            await sender.post(a_request(receiver.url()), 5)
        await receiver.left.wait()


async def test_a_reply_that_comes_before_the_body_was_taken_counts(post):
    async def talk(line):
        await line.reader.readuntil(b"\r\n\r\n")
        line.writer.transport.pause_reading()
        await line.say(b"HTTP/1.1 413 Too much\r\ncontent-length: 0\r\n\r\n")
        await answered.wait()

    answered = asyncio.Event()
    async with receiving(talk) as receiver:
        assert await post(receiver.url(), body=b"x" * 1_000_000) == Reply(413)
        answered.set()
