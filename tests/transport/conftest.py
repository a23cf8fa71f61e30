"""Senders that may reach this machine's loopback, and only that."""

from collections.abc import Callable
from contextlib import AsyncExitStack

import pytest

from dispatcher.model import Request
from dispatcher.policy.egress import Egress
from dispatcher.policy.proxy import Proxy
from dispatcher.transport.proxied import ProxiedSender
from dispatcher.transport.sender import Sender
from tests.support.forward import forwarding
from tests.support.wire import answering, receiving

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
NAME = "receiver.example.com"
OTHER = "other.example.com"
HEADERS = {"content-type": "application/json", "accept-encoding": "identity", "webhook-id": "evt_1"}


def a_request(url: str, body: bytes = b'{"n":1}', **headers: str) -> Request:
    return Request(url, HEADERS | headers, body)


def rules(*networks: str, hosts: tuple[str, ...] = ()) -> Egress:
    return Egress.of(allow_networks=networks, allow_hosts=hosts)


@pytest.fixture(scope="session")
def loopback() -> Egress:
    return rules("127.0.0.1/32", "::1/128")


@pytest.fixture
async def sender(loopback):
    async with Sender(loopback) as opened:
        yield opened


@pytest.fixture
def post(sender) -> Callable:
    async def send(url: str, deadline_s: float = 10, **given):
        return await sender.post(a_request(url, **given), deadline_s)

    return send


@pytest.fixture
async def forward():
    """A proxy that alone knows where NAME and OTHER are."""
    async with forwarding(**{NAME: "127.0.0.1", OTHER: "127.0.0.1"}) as proxy:
        yield proxy


@pytest.fixture
async def through(authority):
    """Make a sender through the proxy of that URL, under the rules of production."""
    async with AsyncExitStack() as stack:

        async def make(url: str) -> ProxiedSender:
            return await stack.enter_async_context(
                ProxiedSender(rules(), Proxy.of(url), ca_file=str(authority.ca_file))
            )

        yield make


@pytest.fixture
async def relay(forward, through) -> Callable:
    """`post` by way of `forward`."""
    sender = await through(forward.url())

    async def send(url: str, deadline_s: float = 10, **given):
        return await sender.post(a_request(url, **given), deadline_s)

    return send


@pytest.fixture
async def secure(authority):
    """A receiver that answers over https."""
    async with receiving(answering(OK), tls=authority.issue(NAME)) as opened:
        yield opened
