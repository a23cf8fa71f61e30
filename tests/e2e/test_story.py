"""What a newcomer does: a delivery that failed, understood and sent again, by the README's own commands."""

import asyncio
import re
import shlex
import socket
import subprocess
from pathlib import Path

from tests.support.commands import typed
from tests.support.daemon import daemon
from tests.support.eventually import eventually
from tests.support.listening import process

README = (Path(__file__).parent.parent.parent / "README.md").read_text()
(STORY,) = re.findall(r"\*\*From nothing to a delivery that failed.*?```sh\n(.*?)```", README, re.DOTALL)
CREATE, SEND, LIST, SHOW, LISTEN, REPLAY, EVENTS = [shlex.split(line, comments=True)[1:] for line in STORY.splitlines()]


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def test_a_delivery_that_failed_is_found_understood_and_sent_again(database, db):
    port = unused_port()
    allowed = {"egress__allow_http": "true", "egress__allow_hosts": '["localhost"]'}
    async with daemon(database.dsn, plain=True, log__format="json", **allowed):

        def told(words: list[str]) -> subprocess.CompletedProcess[str]:
            return typed(*(word.replace("3000", str(port)) for word in words), dsn=database.dsn, **allowed)

        created = told(CREATE)
        assert created.returncode == 0, created
        (secret,) = re.findall(r"whsec_\S+", created.stdout)

        sent = told(SEND)
        assert (sent.returncode, "connect" in sent.stdout) == (1, True), sent
        assert re.search(r"\bdead\b.*connect", told(LIST).stdout), told(LIST)
        assert re.search(r"\bdead\b.*connect", told(SHOW).stdout, re.DOTALL), told(SHOW)

        said = [secret if "whsec_" in word else word.replace("3000", str(port)) for word in LISTEN[1:]]
        async with process(*said) as receiver:
            await receiver.until(str(port))
            replayed = await asyncio.to_thread(told, REPLAY)
            assert replayed.returncode == 0, replayed
            await receiver.until("verified")

            async def ended() -> bool:
                rows = await db.fetch("select state from webhooks.delivery_status order by delivery_id")
                return [row["state"] for row in rows] == ["dead", "delivered"]

            await eventually(ended)
        assert "order.paid" in told(EVENTS).stdout
