"""By way of a forward proxy: what goes out, and that there is no way around it."""

import socket
from base64 import b64encode

import pytest

from dispatcher.model import NoReply, Reason, Reply
from dispatcher.policy.proxy import Proxy
from dispatcher.transport.guard import BlockedAddress, OneDoor
from dispatcher.transport.resolver import ProxyResolver
from tests.support.forward import forwarding, status
from tests.support.tls import Authority
from tests.support.wire import answering, receiving
from tests.transport.conftest import NAME, OK, OTHER, a_request


@pytest.fixture(params=["http", "https"])
async def receiver(request, authority):
    async with receiving(answering(OK), tls=authority.issue(NAME) if request.param == "https" else None) as opened:
        yield opened


# What goes out.


async def test_https_goes_through_a_tunnel_that_is_kept_and_the_proxy_sees_nothing_of_it(forward, relay, secure):
    url = secure.url("/hook?token=planted", host=NAME)
    assert [await relay(url) for _ in range(3)] == [Reply(200, body=b"ok")] * 3
    assert forward.asked == [b"CONNECT %s:%d HTTP/1.1" % (NAME.encode(), secure.port)]
    assert (forward.connections, secure.connections) == (1, 1)
    assert secure.requests[0].startswith(b"POST /hook?token=planted HTTP/1.1\r\n")
    assert b"proxy" not in b"".join([*forward.passed, *secure.requests]).lower()


async def test_http_goes_out_in_absolute_form_over_connections_that_are_kept(forward, relay):
    async with receiving(answering(OK)) as receiver:
        assert [await relay(receiver.url("/hook?a=%2F", host=NAME)) for _ in range(3)] == [Reply(200, body=b"ok")] * 3
    assert forward.asked == [b"POST http://%s:%d/hook?a=%%2F HTTP/1.1" % (NAME.encode(), receiver.port)] * 3
    assert (forward.connections, receiver.connections) == (1, 1)
    assert b"\r\nhost: %s:%d\r\n" % (NAME.encode(), receiver.port) in receiver.requests[0].lower()


async def test_the_proxy_alone_is_shown_the_credentials(through, receiver):
    async with forwarding("us er:p@:ss", **{NAME: "127.0.0.1"}) as forward:
        sender = await through(forward.url("us%20er:p%40%3Ass"))
        assert await sender.post(a_request(receiver.url(host=NAME)), 5) == Reply(200, body=b"ok")
    shown = b"basic " + b64encode(b"us er:p@:ss")
    assert shown.lower() in forward.passed[0].lower()
    assert b"proxy-authorization" not in receiver.requests[0].lower()


async def test_an_ipv6_literal_is_asked_for_in_brackets(forward, relay):
    forward.acts["2606:4700:4700::1111"] = status(502)
    await relay("https://[2606:4700:4700::1111]:8443/")
    assert forward.asked == [b"CONNECT [2606:4700:4700::1111]:8443 HTTP/1.1"]


async def test_receivers_do_not_share_a_connection_to_the_proxy(forward, relay, authority):
    async with receiving(answering(OK)) as plain, receiving(answering(OK), tls=authority.issue(OTHER)) as other:
        for url in (plain.url(host=NAME), plain.url(host=OTHER), other.url(host=OTHER)) * 2:
            assert await relay(url) == Reply(200, body=b"ok")
    assert forward.connections == 3


async def test_the_receivers_certificate_is_verified_end_to_end(relay, tmp_path):
    async with receiving(answering(OK), tls=Authority(tmp_path).issue(NAME)) as stranger:
        answer = await relay(stranger.url(host=NAME))
    assert answer.reason is Reason.TLS, answer
    assert stranger.requests == []


async def test_a_certificate_for_another_name_is_tls(relay, secure):
    answer = await relay(secure.url(host=OTHER))
    assert (answer.reason, "Hostname mismatch" in answer.note) == (Reason.TLS, True)
    assert secure.requests == []


# No way around it.


async def test_with_the_proxy_down_nothing_goes_to_a_receiver_that_could_be_reached_without(through, receiver):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    sender = await through(f"http://127.0.0.1:{port}")
    answer = await sender.post(a_request(receiver.url()), 5)
    assert answer == NoReply(Reason.PROXY, f"proxy 127.0.0.1:{port}: ECONNREFUSED Connection refused")
    assert receiver.connections == 0


@pytest.mark.parametrize(("address", "port"), [("127.0.0.1", 3129), ("127.0.0.2", 3128), ("8.8.8.8", 3128)])
def test_the_guard_opens_for_the_proxys_own_address_and_port_alone(address, port):
    guard = OneDoor(Proxy("127.0.0.1", 3128))
    guard.open((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 3128))).close()
    with pytest.raises(BlockedAddress, match=r"is not the proxy, 127\.0\.0\.1:3128"):
        guard.open((socket.AF_INET, socket.SOCK_STREAM, 0, "", (address, port)))


async def test_the_resolver_knows_one_name():
    resolver = ProxyResolver("localhost", lambda _: None)
    assert "127.0.0.1" in {found["host"] for found in await resolver.resolve("localhost", 3128)}
    with pytest.raises(BlockedAddress):
        await resolver.resolve(NAME, 443)
