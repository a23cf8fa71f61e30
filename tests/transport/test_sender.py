"""What goes out, and what is kept of what comes back."""

import gzip

import pytest

from dispatcher.model import NoReply, Reason, Reply
from dispatcher.transport.connections import KEPT_REPLY
from tests.support.wire import answering, receiving, saying
from tests.transport.conftest import a_request

NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"


def ok(body: bytes = b"", *headers: bytes) -> bytes:
    lines = (b"HTTP/1.1 200 OK", *headers, b"content-length: %d" % len(body), b"", body)
    return b"\r\n".join(lines)


async def test_what_is_written_is_what_was_composed_and_nothing_else(post):
    async with receiving(answering(NO_CONTENT)) as receiver:
        await post(receiver.url("/hook?a=%2F&b=c%20d"), body=b'{"a": 1}')
    head, body = receiver.requests[0].split(b"\r\n\r\n")
    first, *headers = head.split(b"\r\n")
    assert first == b"POST /hook?a=%2F&b=c%20d HTTP/1.1"
    assert sorted(line.lower() for line in headers) == [
        b"accept-encoding: identity",
        b"content-length: 8",
        b"content-type: application/json",
        b"host: 127.0.0.1:%d" % receiver.port,
        b"webhook-id: evt_1",
    ]
    assert body == b'{"a": 1}'


async def test_an_empty_body_still_says_its_length(post):
    async with receiving(answering(NO_CONTENT)) as receiver:
        assert await post(receiver.url(), body=b"") == Reply(204)
    assert b"content-length: 0\r\n" in receiver.requests[0].lower()


async def test_a_body_of_a_megabyte_arrives_whole(post):
    body = b'"' + b"x" * 999_998 + b'"'
    async with receiving(answering(NO_CONTENT)) as receiver:
        assert await post(receiver.url(), body=body) == Reply(204)
    assert receiver.requests[0].endswith(b"\r\n\r\n" + body)


@pytest.mark.parametrize("status", [200, 201, 304, 400, 404, 410, 429, 500, 503, 599])
async def test_any_status_is_an_answer(post, status):
    async with receiving(answering(b"HTTP/1.1 %d What\r\ncontent-length: 0\r\n\r\n" % status)) as receiver:
        assert await post(receiver.url()) == Reply(status)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_never_followed(post, status):
    async with receiving(answering(NO_CONTENT)) as elsewhere:
        location = b"HTTP/1.1 %d Go\r\nlocation: %s\r\ncontent-length: 0\r\n\r\n" % (status, elsewhere.url().encode())
        async with receiving(answering(location)) as receiver:
            assert await post(receiver.url()) == Reply(status)
    assert len(receiver.requests) == 1
    assert elsewhere.connections == 0


async def test_a_cookie_is_never_sent_back(post):
    async with receiving(answering(ok(b"", b"set-cookie: a=b; path=/"))) as receiver:
        for _ in range(2):
            # By name: cookies of bare addresses are kept by hardly any jar.
            await post(receiver.url(host="localhost"))
    assert [b"cookie" in request.lower() for request in receiver.requests] == [False, False]


async def test_a_proxy_named_by_the_environment_is_not_used(post, monkeypatch):
    async with receiving(answering(NO_CONTENT)) as proxy, receiving(answering(NO_CONTENT)) as receiver:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url(""))
        assert await post(receiver.url()) == Reply(204)
    assert proxy.connections == 0


async def test_credentials_in_a_netrc_file_are_not_sent(post, monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password planted")
    monkeypatch.setenv("NETRC", str(netrc))
    async with receiving(answering(NO_CONTENT)) as receiver:
        await post(receiver.url())
    assert b"authorization" not in receiver.requests[0].lower()


async def test_a_compressed_body_is_kept_as_it_came(post):
    bomb = gzip.compress(bytes(10_000_000))[: KEPT_REPLY - 1]
    async with receiving(answering(ok(bomb, b"content-encoding: gzip"))) as receiver:
        assert await post(receiver.url()) == Reply(200, body=bomb)


async def test_a_chunked_body_is_put_together(post):
    chunked = b"HTTP/1.1 500 Oh\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    async with receiving(answering(chunked)) as receiver:
        assert await post(receiver.url()) == Reply(500, body=b"abcde")


async def test_a_body_that_ends_with_the_connection_is_kept(post):
    async with receiving(saying(b"HTTP/1.0 500 Oh\r\n\r\nno", b"t today", then="close")) as receiver:
        assert await post(receiver.url()) == Reply(500, body=b"not today")


@pytest.mark.parametrize("kept", [KEPT_REPLY, KEPT_REPLY + 1, 10 * KEPT_REPLY])
async def test_of_a_large_body_only_the_beginning_is_kept(post, kept):
    async with receiving(saying(ok(b"x" * kept))) as receiver:
        answer = await post(receiver.url())
    assert (answer.status, len(answer.body)) == (200, KEPT_REPLY)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (b"120", "120"),
        (b"  Wed, 21 Oct 2026 07:28:00 GMT ", "Wed, 21 Oct 2026 07:28:00 GMT"),
        (b"-1", "-1"),
        (b"", None),
        (b"9" * 101, None),
        ("٣".encode(), None),
        (b"1\x1b[31m", None),
        (b"\xff", None),
    ],
)
async def test_retry_after_is_passed_on_unread_or_not_at_all(post, sent, kept):
    reply = b"HTTP/1.1 503 Busy\r\nretry-after: " + sent + b"\r\ncontent-length: 0\r\n\r\n"
    async with receiving(answering(reply)) as receiver:
        answer = await post(receiver.url())
    if sent.startswith(b"1\x1b"):
        assert answer == Reply(503) or answer.reason is Reason.PROTOCOL
    else:
        assert answer == Reply(503, retry_after=kept)


async def test_an_upgrade_is_an_answer_and_ends_the_connection(post):
    upgrade = b"HTTP/1.1 101 Switching\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n"
    async with receiving(saying(upgrade)) as receiver:
        assert await post(receiver.url()) == Reply(101)
        await receiver.left.wait()


async def test_a_request_that_cannot_be_written_is_our_fault_and_says_no_more(sender):
    async with receiving(answering(NO_CONTENT)) as receiver:
        answer = await sender.post(a_request(receiver.url(), authorization="planted\r\nx: y"), 5)
    assert answer == NoReply(Reason.INTERNAL, "ValueError")
