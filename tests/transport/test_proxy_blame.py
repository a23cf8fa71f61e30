"""By way of a forward proxy: whose fault it is that there is no reply, and who reads what the proxy says."""

import asyncio
import socket

import pytest

from dispatcher.model import NoReply, Reason, Reply
from dispatcher.policy.proxy import Proxy
from dispatcher.transport.failures import Judged
from dispatcher.transport.trust import tls_context
from dispatcher.transport.tunnels import Tunnels
from tests.support.eventually import eventually
from tests.support.forward import ESTABLISHED, hang, saying, status
from tests.support.wire import receiving
from tests.transport.conftest import NAME, OK, a_request

THEIRS = "the proxy's own words"

OURS = {
    "wrong password": (status(407, 'proxy-authenticate: Basic realm="x"'), "another user and password"),
    "a bare 407": (status(407), "another user and password"),
    "closes": (saying(), "closed the connection instead of answering"),
    "resets": (saying(then="reset"), "reset the connection instead of answering"),
    "half a head": (saying(b"HTTP/1.1 200 OK\r\nx: "), "closed the connection instead of answering"),
    "garbage": (saying(b"SSH-2.0-OpenSSH_9.2p1\r\n", then="wait"), "is not HTTP"),
    "garbage behind a good beginning": (saying(b"HTTP/1.1 2x0\r\n\r\n", then="wait"), "is not HTTP"),
    "a broken header": (saying(b"HTTP/1.1 200 OK\r\nx y\r\n\r\n", then="wait"), "is not HTTP"),
    "a flood": (saying(b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 4000, then="wait"), "too long"),
    "interim replies without end": (saying(b"HTTP/1.1 100 Go on\r\n\r\n" * 4000, then="wait"), "too long"),
    "no CONNECT": (status(405), "answered CONNECT with 405"),
    "a web server": (status(302, "location: https://example.com/"), "answered CONNECT with 302"),
    "too many of us": (status(429), "answered CONNECT with 429"),
}
THE_TARGETS = {
    "403": (status(403), Reason.BLOCKED_ADDRESS),
    "404": (status(404), Reason.BLOCKED_ADDRESS),
    "Smokescreen's 407": (status(407, f"x-smokescreen-error: {THEIRS}"), Reason.BLOCKED_ADDRESS),
    "Smokescreen's 502": (status(502, f"x-smokescreen-error: {THEIRS}"), Reason.CONNECT),
    "500": (status(500), Reason.CONNECT),
    "502": (status(502), Reason.CONNECT),
    "503": (status(503), Reason.CONNECT),
    "504": (status(504), Reason.CONNECT),
}


@pytest.mark.parametrize(("act", "note"), OURS.values(), ids=OURS)
async def test_what_keeps_the_proxy_from_serving_us_is_ours_and_says_which_proxy_and_why(
    forward, relay, secure, act, note
):
    forward.acts["*"] = act
    answer = await relay(secure.url(host=NAME), 5)
    assert answer.reason is Reason.PROXY, answer
    assert answer.note.startswith(f"proxy 127.0.0.1:{forward.port}: ")
    assert note in answer.note
    assert THEIRS not in answer.note
    assert secure.connections == 0


@pytest.mark.parametrize(("act", "reason"), THE_TARGETS.values(), ids=THE_TARGETS)
async def test_what_the_proxy_says_about_a_target_is_the_endpoints_and_its_text_goes_to_nobody(
    forward, relay, secure, act, reason
):
    forward.acts[NAME] = act
    answer = await relay(secure.url(host=NAME), 5)
    assert answer.reason is reason, answer
    assert THEIRS not in answer.note


OVER_HTTP = {
    "wrong password": (status(407, 'proxy-authenticate: Basic realm="x"'), Reason.PROXY),
    "a bare 407": (status(407), Reason.PROXY),
    "Smokescreen denies": (status(407, f"x-smokescreen-error: {THEIRS}"), Reason.BLOCKED_ADDRESS),
    "Smokescreen fails": (status(504, f"x-smokescreen-error: {THEIRS}"), Reason.CONNECT),
    "Squid denies": (status(403, "x-squid-error: ERR_ACCESS_DENIED 0"), Reason.BLOCKED_ADDRESS),
    "Squid fails": (status(503, "x-squid-error: ERR_CONNECT_FAIL 111"), Reason.CONNECT),
    "tinyproxy denies": (status(403, "server: tinyproxy/1.11.1"), Reason.BLOCKED_ADDRESS),
    "tinyproxy fails": (status(500, "server: tinyproxy/1.11.1"), Reason.CONNECT),
}


@pytest.mark.parametrize(("act", "reason"), OVER_HTTP.values(), ids=OVER_HTTP)
async def test_over_http_too_the_proxys_own_word_is_no_reply_of_the_receiver(forward, relay, act, reason):
    forward.acts["*"] = act
    answer = await relay(f"http://{NAME}/", 5)
    assert answer.reason is reason, answer
    assert answer.note.startswith(f"proxy 127.0.0.1:{forward.port}: ")
    assert THEIRS not in answer.note


@pytest.mark.parametrize("code", [200, 403, 404, 500, 502, 503])
async def test_over_http_what_could_be_the_receivers_reply_is_taken_for_one(forward, relay, code):
    forward.acts["*"] = status(code, body=b"ours")
    assert await relay(f"http://{NAME}/") == Reply(code, body=b"ours")


async def test_a_success_is_a_success_whatever_a_header_pretends(forward, relay):
    forward.acts["*"] = status(200, "x-squid-error: ERR_ACCESS_DENIED 0", body=b"ok")
    assert await relay(f"http://{NAME}/") == Reply(200, body=b"ok")


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_answers_nobody_until_the_deadline_is_ours(forward, relay, scheme):
    forward.acts["*"] = hang
    answer = await relay(f"{scheme}://{NAME}/", 0.3)
    assert answer == NoReply(Reason.PROXY, f"proxy 127.0.0.1:{forward.port}: no answer within the deadline")


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_target_that_keeps_a_living_proxy_waiting_is_the_endpoints(forward, relay, scheme):
    forward.acts[NAME] = hang
    answer = await relay(f"{scheme}://{NAME}/", 0.3)
    assert answer == NoReply(Reason.TIMEOUT, "no reply within the deadline")
    assert b"OPTIONS * HTTP/1.1" in forward.asked, "nobody else had been answered, so it was asked"


async def test_a_proxy_that_dies_under_a_request_is_ours_and_one_that_lives_on_is_not(forward, relay):
    forward.acts[NAME] = saying(then="reset")
    assert (await relay(f"http://{NAME}/")).reason is Reason.RESET
    forward.acts["*"] = saying(then="reset")
    answer = await relay(f"http://{NAME}/")
    assert answer.reason is Reason.PROXY, answer
    assert "it answers nobody" in answer.note


async def test_something_that_speaks_no_http_at_all_is_ours_over_http_too(forward, relay):
    forward.acts["*"] = saying(b"220 mail.example.com ESMTP\r\n", then="wait")
    assert (await relay(f"http://{NAME}/")).reason is Reason.PROXY


async def test_a_proxys_name_that_leads_nowhere_is_ours(through):
    sender = await through("http://no-such-proxy.invalid:3128")
    answer = await sender.post(a_request(f"https://{NAME}/"), 20)
    assert answer.reason is Reason.PROXY, answer
    assert answer.note.startswith("proxy no-such-proxy.invalid:3128: ")


async def test_running_out_of_files_on_the_way_to_the_proxy_is_internal(relay, monkeypatch):
    def exhausted(*_):
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(socket, "socket", exhausted)
    answer = await relay(f"https://{NAME}/")
    assert (answer.reason, "EMFILE on this machine" in answer.note) == (Reason.INTERNAL, True)


async def test_a_proxy_that_speaks_before_it_is_asked_is_ours_and_its_word_opens_no_tunnel():
    async def talk(line):
        await line.say(ESTABLISHED)
        await line.until_left()

    async with receiving(talk) as eager, Tunnels(Proxy("127.0.0.1", eager.port), tls_context()) as tunnels:
        transport, wire = await tunnels._reach()
        await eventually(lambda: wire.should_close)
        with pytest.raises(Judged) as caught:
            await asyncio.wait_for(tunnels._tunnel(transport, wire, f"{NAME}:443"), 5)
        transport.abort()
    note = f"proxy 127.0.0.1:{eager.port}: it spoke before it was asked"
    assert caught.value.answer == NoReply(Reason.PROXY, note)


async def test_what_comes_with_the_tunnel_never_answers_a_request(forward, relay):
    forward.acts["*"] = saying(ESTABLISHED + OK, then="wait")
    answer = await relay(f"https://{NAME}/")
    assert answer.reason is Reason.TLS, answer


@pytest.mark.parametrize(
    "pieces",
    [(b"HTTP/1.1 100 Hm\r\n\r\n", ESTABLISHED), (ESTABLISHED[:5], ESTABLISHED[5:-3], ESTABLISHED[-3:])],
    ids=["after an interim answer", "in pieces"],
)
async def test_a_tunnel_may_open_by_and_by(forward, relay, secure, pieces):
    forward.established = pieces
    assert await relay(secure.url(host=NAME)) == Reply(200, body=b"ok")


async def test_cancelling_while_the_proxy_is_asked_closes_the_connection(forward, relay):
    forward.acts["*"] = hang
    task = asyncio.create_task(relay(f"https://{NAME}/", 30))
    await eventually(lambda: forward.asked)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(forward.receiver.left.wait(), 5)
