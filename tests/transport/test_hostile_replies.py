"""Replies made to confuse, to flood, or not to be replies at all."""

import asyncio
import resource

import pytest

from dispatcher.model import NoReply, Reason, Reply
from dispatcher.transport.connections import KEPT_REPLY
from dispatcher.transport.sender import BODY_S
from tests.support.wire import receiving, saying

CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(b"SSH-2.0-OpenSSH_9.2p1\r\n", id="SSH"),
        pytest.param(b"220 mail.example.com ESMTP\r\n", id="SMTP"),
        pytest.param(b"<html>hello</html>\r\n", id="HTTP/0.9"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", id="HTTP/2 preface"),
        pytest.param(bytes(range(256)), id="any bytes"),
        pytest.param(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 9000 + b"\r\n\r\n", id="a long header"),
        pytest.param(b"HTTP/1.1 200 " + b"y" * 9000 + b"\r\n\r\n", id="a long reason"),
        pytest.param(b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 65 + b"\r\n", id="many headers"),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n", id="negative length"),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nx", id="two lengths"),
        pytest.param(b"HTTP/1.1 200 OK\r\nx: a\0b\r\ncontent-length: 0\r\n\r\n", id="NUL in a header"),
        pytest.param(b"HTTP/1.1 200 OK\r\nx : y\r\ncontent-length: 0\r\n\r\n", id="space before the colon"),
    ],
)
async def test_what_is_not_http_is_protocol_and_no_status_is_made_up(post, said):
    async with receiving(saying(said)) as receiver:
        answer = await post(receiver.url("/hook?token=planted"))
        await receiver.left.wait()
    assert isinstance(answer, NoReply), answer
    assert answer.reason is Reason.PROTOCOL, answer
    assert "planted" not in answer.note


@pytest.mark.parametrize("then", ["close", "reset"])
@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\nx: y\r\n"], ids=["nothing", "half a head"])
async def test_an_end_before_the_head_is_complete_is_reset(post, said, then):
    async with receiving(saying(said, then=then)) as receiver:
        answer = await post(receiver.url())
    assert answer.reason is Reason.RESET, answer


@pytest.mark.parametrize("then", ["close", "reset"])
async def test_an_end_within_the_body_changes_nothing(post, then):
    async with receiving(saying(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nsome", then=then)) as receiver:
        answer = await post(receiver.url())
    assert answer.status == 200


@pytest.mark.parametrize("status", [b"200", b"204"])
@pytest.mark.parametrize("together", [True, False], ids=["in one piece", "in two"])
async def test_nonsense_behind_a_head_changes_nothing_and_ends_the_connection(post, status, together):
    pieces = (CHUNKED.replace(b"200", status), b"4\r\nsome\r\nZZ\r\n")
    async with receiving(saying(*([b"".join(pieces)] if together else pieces))) as receiver:
        # At once, not when the budget of the body is over: what cannot be parsed will not get better.
        answer = await asyncio.wait_for(post(receiver.url()), BODY_S / 2)
        await receiver.left.wait()
    assert answer.status == int(status)


def flooding(first: bytes, again: bytes):
    """Answer with `first`, then `again` without end, until the sender has had enough."""

    async def talk(line):
        await line.request()
        try:
            await line.say(first)
            while True:
                await line.say(again)
        except ConnectionError:
            line.receiver.left.set()

    return talk


def cpu_s() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_utime


@pytest.mark.parametrize(
    ("first", "again", "answer"),
    [
        pytest.param(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100, None, id="interim replies"),
        pytest.param(b"", b"HTTP/1.1 103 Hints\r\n" + b"link: x\r\n" * 60 + b"\r\n", None, id="early hints"),
        pytest.param(CHUNKED + b"1;", b"x" * 4096, Reply(200), id="a chunk extension"),
        pytest.param(CHUNKED + b"0\r\n", b"x: y\r\n" * 100, Reply(200), id="trailers"),
    ],
)
async def test_a_flood_ends_by_its_size_not_by_the_deadline(post, first, again, answer):
    async with receiving(flooding(first, again)) as receiver:
        before = cpu_s()
        got = await asyncio.wait_for(post(receiver.url(), 30), 1.5)
        spent = cpu_s() - before
        await receiver.left.wait()
    assert got == (answer or NoReply(Reason.PROTOCOL, "the reply is not HTTP: FloodedReply"))
    assert spent < 1, f"{spent} s of CPU, the receiver's included"


@pytest.mark.parametrize(
    ("first", "again"),
    [
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536, id="without length"),
        pytest.param(CHUNKED, b"1000\r\n" + b"x" * 4096 + b"\r\n", id="in chunks"),
        pytest.param(CHUNKED, b"1\r\nx\r\n" * 1000, id="in chunks of a byte"),
    ],
)
async def test_an_endless_body_is_cut_at_the_cap(post, first, again):
    async with receiving(flooding(first, again)) as receiver:
        answer = await asyncio.wait_for(post(receiver.url(), 30), 1.5)
        await receiver.left.wait()
    assert answer == Reply(200, body=b"x" * KEPT_REPLY)


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"HTTP/1.1 200 \xff\x1b[31m\r\ncontent-length: 2\r\n\r\n", id="reason"),
        pytest.param(b"HTTP/1.1 200 OK\r\nx: \xff\xfe\r\ncontent-length: 2\r\n\r\n", id="header"),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-type: x; charset=base64\r\ncontent-length: 2\r\n\r\n", id="charset"),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\n", id="encoding"),
    ],
)
async def test_odd_bytes_around_a_good_status_do_no_harm(post, head):
    async with receiving(saying(head + b"\0\xff")) as receiver:
        assert await post(receiver.url()) == Reply(200, body=b"\0\xff")


@pytest.mark.parametrize("code", [b"000", b"099", b"600", b"999"])
async def test_a_status_no_one_knows_is_still_a_status(post, code):
    async with receiving(saying(b"HTTP/1.1 %s X\r\ncontent-length: 0\r\n\r\n" % code)) as receiver:
        answer = await post(receiver.url())
    assert answer == Reply(int(code)) or answer.reason is Reason.PROTOCOL, answer
