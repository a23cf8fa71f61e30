"""`dispatcher check` on the proxy: there, lets us through, and refuses what has to be refused."""

import asyncio
import socket

import pytest

from dispatcher.cli.checking import proxy as module
from dispatcher.cli.checking.proxy import ITSELF, judge, proxy
from dispatcher.model import NoReply, Reason
from tests.support.checks import checked
from tests.support.dispatching import settings
from tests.support.forward import Act, forwarding, hang, saying, status

OPEN = saying(b"HTTP/1.1 200 OK\r\n\r\n", then="wait")


async def said(credentials: str = "u:hunter2", **acts: Act) -> tuple[str, str]:
    async with forwarding("u:hunter2") as forward:
        forward.acts = {"example.com": OPEN, "127.0.0.1": status(403)} | acts
        (finding,) = await proxy(settings("embedded", egress__proxy=forward.url(credentials)))
        assert "hunter" not in finding.sentence
        assert f"proxy 127.0.0.1:{forward.port}" in finding.sentence
    return str(finding.grade), finding.sentence


async def test_its_line_stands_beside_the_rules_and_names_are_no_matter_of_ours(database):
    async with forwarding() as forward:
        forward.acts = {"example.com": OPEN, "127.0.0.1": status(403)}
        found = await asyncio.to_thread(checked, database.dsn, egress__proxy=forward.url())
    assert found["proxy"][0] == "ok"
    assert found["dns"] == ("ok", "receivers' names are looked up by the proxy")
    assert "by way of the proxy" in found["egress"][1]


async def test_one_that_connects_to_the_world_and_refuses_itself_is_well():
    grade, sentence = await said()
    assert (grade, sentence.partition(" answers")[2]) == (
        "ok", ", accepts user and password, connects to example.com:443 and refuses 127.0.0.1:443",
    )  # fmt: skip


async def test_one_that_would_lead_anybody_to_its_own_machine_is_a_warning():
    grade, sentence = await said(**{"127.0.0.1": status(503)})
    assert grade == "warning"
    assert "does not refuse 127.0.0.1:443; names are looked up by it, so let it refuse private addresses" in sentence


async def test_one_that_does_not_let_us_into_the_world_is_a_warning():
    grade, sentence = await said(**{"example.com": status(403)})
    assert (grade, "refuses the target (403): example.com:443" in sentence) == ("warning", True)


async def test_one_that_does_not_know_us_fails():
    forgotten: dict[str, Act] = {name: status(407) for name in ("example.com", "127.0.0.1")}
    grade, sentence = await said("u:hunter3", **forgotten)
    assert grade == "failed"
    assert "wants another user and password than egress.proxy has (407)" in sentence


async def test_one_that_is_not_there_fails():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    (finding,) = await proxy(settings("embedded", egress__proxy=f"http://127.0.0.1:{port}"))
    assert finding.grade == "failed"
    assert finding.found == f"proxy 127.0.0.1:{port}: ECONNREFUSED Connection refused"


async def test_one_that_is_silent_fails_before_long(monkeypatch):
    monkeypatch.setattr(module, "PATIENCE_S", 0.1)
    grade, sentence = await said(**{"example.com": hang})
    assert (grade, "no answer within 0.1 s" in sentence) == ("failed", True)


async def test_without_a_proxy_there_is_no_line():
    assert await proxy(settings("embedded")) == []


@pytest.mark.parametrize("itself", [None, NoReply(Reason.CONNECT, "?")], ids=["connected", "tried to"])
def test_that_it_tried_its_own_machine_counts_whether_anybody_listens_there_or_not(itself):
    assert ITSELF in judge("proxy:3128", None, itself, has_password=False).found
