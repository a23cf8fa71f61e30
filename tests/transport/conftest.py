"""Senders that may reach this machine's loopback, and only that."""

from collections.abc import Callable

import pytest

from dispatcher.model import Request
from dispatcher.policy.egress import Egress
from dispatcher.transport.sender import Sender

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
