"""Where a request may go, decided on the address itself, whatever the name or the URL says."""

import socket
from pathlib import Path

import pytest

from dispatcher.model import NoReply, Reason, Reply
from dispatcher.transport.guard import BlockedAddress, Guard
from dispatcher.transport.resolver import Resolver
from dispatcher.transport.sender import Sender
from tests.support.dns import NXDOMAIN, SERVFAIL, naming
from tests.support.wire import answering, receiving
from tests.transport.conftest import a_request, rules

NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"


@pytest.fixture
def strict():
    return rules()


def names_of_this_machine() -> list[str]:
    """What /etc/hosts knows for 127.0.0.1, apart from localhost."""
    lines = Path("/etc/hosts").read_text().splitlines()
    entries = [line.split("#")[0].split() for line in lines]
    known = [name for entry in entries if entry[:1] == ["127.0.0.1"] for name in entry[1:]]
    return [name for name in known if name != "localhost"]


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
async def test_a_forbidden_literal_is_never_connected_to(strict, host):
    async with receiving(answering(NO_CONTENT)) as receiver, Sender(strict) as sender:
        answer = await sender.post(a_request(receiver.url(host=host)), 5)
    assert answer.reason is Reason.BLOCKED_ADDRESS, answer
    assert answer.note
    assert receiver.connections == 0


async def test_a_name_that_leads_to_a_forbidden_address_is_blocked(strict):
    async with (
        naming({"evil.test": ["127.0.0.1", "::1"]}) as names,
        receiving(answering(NO_CONTENT)) as receiver,
        Sender(strict, nameservers=[names.at]) as sender,
    ):
        answer = await sender.post(a_request(receiver.url(host="evil.test")), 5)
    assert answer.reason is Reason.BLOCKED_ADDRESS, answer
    assert receiver.connections == 0


async def test_of_mixed_answers_only_the_allowed_addresses_are_used(loopback):
    mixed = ["10.0.0.1", "127.0.0.1", "169.254.169.254", "fd00:ec2::254"]
    async with naming({"mixed.test": mixed}) as names, receiving(answering(NO_CONTENT)) as receiver:
        async with Sender(loopback, nameservers=[names.at]) as sender:
            assert await sender.post(a_request(receiver.url(host="mixed.test")), 5) == Reply(204)
        resolver = Resolver(loopback, [names.at])
        assert [found["host"] for found in await resolver.resolve("mixed.test", 80)] == ["127.0.0.1"]
        await resolver.close()


class Unvouching:
    def allows_host(self, _host):
        return False


class Turncoat(Unvouching):
    """Rules under which every address is fine when first asked about, and forbidden ever after."""

    def __init__(self):
        self._asked = set()

    def refuse_address(self, address, _port, _host):
        if address in self._asked:
            return "changed its mind"
        self._asked.add(address)
        return None


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["127.0.0.1", "::1"]], ids=["one", "a race of two"])
async def test_the_address_is_asked_about_again_at_the_very_connect(addresses):
    async with (
        naming({"two-faced.test": addresses}) as names,
        receiving(answering(NO_CONTENT)) as receiver,
        Sender(Turncoat(), nameservers=[names.at]) as sender,
    ):
        answer = await sender.post(a_request(receiver.url(host="two-faced.test")), 5)
    assert answer == NoReply(Reason.BLOCKED_ADDRESS, "changed its mind")
    assert receiver.connections == 0


async def test_a_name_that_changes_its_answer_never_leads_astray(loopback):
    turns = [["127.0.0.1"], ["10.0.0.1"]]
    reply = b"HTTP/1.1 204 No\r\nconnection: close\r\n\r\n"
    async with (
        naming({"rebound.test": turns}) as names,
        receiving(answering(reply)) as receiver,
        Sender(loopback, nameservers=[names.at]) as sender,
    ):
        answers = [await sender.post(a_request(receiver.url(host="rebound.test")), 5) for _ in range(2)]
    assert answers[0] == Reply(204)
    assert answers[1].reason is Reason.BLOCKED_ADDRESS, answers[1]


class NamesHeard(Unvouching):
    """Rules that forbid everything after the first few questions, and remember for which host they were asked."""

    def __init__(self, *, until):
        self.hosts = []
        self._until = until

    def refuse_address(self, _address, _port, host):
        self.hosts.append(host)
        return None if len(self.hosts) <= self._until else "no"


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["127.0.0.1", "::1"]], ids=["one", "a race of two"])
async def test_the_rules_hear_the_host_of_the_url_also_at_the_connect(addresses):
    heard = NamesHeard(until=len(addresses))
    async with naming({"named.test": addresses}) as names, Sender(heard, nameservers=[names.at]) as sender:
        await sender.post(a_request("http://named.test:9/"), 5)
    assert len(heard.hosts) > len(addresses)
    assert set(heard.hosts) == {"named.test"}


@pytest.mark.parametrize("address", ["2130706433", "127.1", "0x7f.0.0.1", "localhost", "127.0.0.1\0.example.com", ""])
def test_the_guard_opens_for_nothing_but_plain_addresses(loopback, address):
    with pytest.raises(BlockedAddress):
        Guard(loopback).open((socket.AF_INET, socket.SOCK_STREAM, 0, "", (address, 80)))


@pytest.mark.parametrize("address", [("::1%lo", 80, 0, 0), ("::1", 80, 0, 1), ("::1", 80, 7, 0)])
def test_the_guard_opens_for_no_scope(loopback, address):
    with pytest.raises(BlockedAddress):
        Guard(loopback).open((socket.AF_INET6, socket.SOCK_STREAM, 0, "", address))


@pytest.mark.parametrize("answer", [NXDOMAIN, SERVFAIL, []], ids=["no such name", "server failure", "no address"])
async def test_a_name_without_an_address_is_dns(loopback, answer):
    async with naming({"gone.test": answer}) as names, Sender(loopback, nameservers=[names.at]) as sender:
        got = await sender.post(a_request("http://gone.test/"), 20)
    assert got.reason is Reason.DNS, got
    assert got.note


async def test_a_name_server_that_stays_silent_is_dns_within_the_longest_deadline(loopback):
    async with naming({"silent.test": None}) as names, Sender(loopback, nameservers=[names.at]) as sender:
        got = await sender.post(a_request("http://silent.test/"), 15)
    assert got.reason is Reason.DNS, got


async def test_names_are_asked_for_as_they_are_and_in_no_search_domain(loopback, monkeypatch):
    monkeypatch.setenv("LOCALDOMAIN", "corp.test")
    async with naming({}) as names, Sender(loopback, nameservers=[names.at]) as sender:
        await sender.post(a_request("http://short.test/"), 5)
    assert {name for name, _ in names.asked} == {"short.test"}


async def test_the_hosts_file_of_this_machine_is_not_read(loopback):
    known = names_of_this_machine()
    if not known:
        pytest.skip("/etc/hosts knows no name but localhost")
    async with naming({}) as names, Sender(loopback, nameservers=[names.at]) as sender:
        got = await sender.post(a_request(f"http://{known[0]}/"), 5)
    assert got.reason is Reason.DNS, got


async def test_a_host_the_operator_vouches_for_is_looked_up_by_the_system():
    known = names_of_this_machine()
    if not known:
        pytest.skip("/etc/hosts knows no name but localhost")
    vouched = rules("127.0.0.1/32", hosts=(known[0],))
    async with (
        naming({}) as names,
        receiving(answering(NO_CONTENT)) as receiver,
        Sender(vouched, nameservers=[names.at]) as sender,
    ):
        assert await sender.post(a_request(receiver.url(host=known[0])), 5) == Reply(204)
    assert names.asked == []


async def test_localhost_is_asked_of_nobody(loopback):
    async with (
        naming({}) as names,
        receiving(answering(NO_CONTENT)) as receiver,
        Sender(loopback, nameservers=[names.at]) as sender,
    ):
        assert await sender.post(a_request(receiver.url(host="localhost")), 5) == Reply(204)
    assert names.asked == []


async def test_of_many_addresses_a_few_of_each_family_are_tried():
    many = [f"127.0.0.{n}" for n in range(1, 30)] + [f"fd00::{n}" for n in range(1, 15)]
    async with naming({"many.test": many}) as names:
        resolver = Resolver(rules("127.0.0.0/8", "fd00::/8"), [names.at])
        found = [one["host"] for one in await resolver.resolve("many.test", 80)]
        await resolver.close()
    assert sorted(":" in host for host in found) == [False] * 4 + [True] * 4
