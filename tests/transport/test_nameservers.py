"""Whether name servers answer, asked as `dispatcher check` does."""

from dispatcher.transport.nameservers import look_up
from tests.support.dns import SERVFAIL, naming


async def test_a_name_that_is_known_exists():
    async with naming({"example.com": ["192.0.2.1"]}) as server:
        found = await look_up("example.com", [server.at])
    assert (found.exists, found.trouble) == (True, None)
    assert {name for name, _ in server.asked} == {"example.com"}


async def test_a_name_that_is_not_known_is_an_answer_too():
    async with naming({}) as server:
        found = await look_up("example.com", [server.at])
    assert (found.exists, found.trouble) == (False, None)


async def test_a_server_that_fails_is_trouble():
    async with naming({"example.com": SERVFAIL}) as server:
        found = await look_up("example.com", [server.at])
    assert not found.exists
    assert found.trouble


async def test_a_server_that_is_silent_is_trouble_before_long():
    async with naming({"example.com": None}) as server:
        found = await look_up("example.com", [server.at])
    assert "timeout" in found.trouble.lower()


async def test_a_server_that_is_not_there_is_trouble():
    assert (await look_up("example.com", ["127.0.0.1:1"])).trouble
