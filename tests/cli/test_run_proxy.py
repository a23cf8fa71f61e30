"""A daemon behind a proxy: what its log and `status` say, and a proxy that changes by reload."""

import re
import signal

from tests.cli.test_reload import configured, reloads, write
from tests.support.commands import typed
from tests.support.daemon import daemon
from tests.support.eventually import eventually
from tests.support.forward import forwarding
from tests.support.sql import all_settled, insert, subscribe

HTTP = "allow_http = true\n"
URL = "http://receiver.example.com:{}/hook"


async def test_a_proxy_that_does_not_know_us_is_an_outage_of_ours_in_the_log_and_in_status(
    database, db, receiver, tmp_path
):
    await subscribe(db, URL.format(receiver.port))
    async with forwarding("u:hunter2", **{"receiver.example.com": "127.0.0.1"}) as forward:
        (tmp_path / "egress.proxy").write_text(forward.url("u:hunter3") + "\n")
        async with daemon(database.dsn, under=("env", f"CREDENTIALS_DIRECTORY={tmp_path}")) as running:
            await insert(db)
            settled = await running.says("attempt.settled")
            first = typed("status", dsn=database.dsn).stdout.splitlines()[0]
            # The right password, by reload.
            (tmp_path / "egress.proxy").write_text(forward.url("u:hunter2"))
            running.process.send_signal(signal.SIGHUP)
            assert (await running.says("configuration.reloaded"))["changed"] == ["egress.proxy"]
            await db.execute("select webhooks.retry(id) from webhooks.deliveries")
            await all_settled(db)
        log = str(running.log)
    wants = f"proxy 127.0.0.1:{forward.port}: it wants another user and password than egress.proxy has (407)"
    assert (settled["level"], settled["reason"], settled["note"]) == ("error", "proxy", wants)
    assert (settled["attempt"], settled["outcome"]) == (None, "retrying")
    said = r"us: 1 of 1 endpoint is sent nothing: proxy since \d\d:\d\d; see attempt\.settled in the log"
    assert re.fullmatch(said, first), first
    assert len(receiver.requests) == 1
    assert not re.search("hunter|dTpodW50", log), "base64 or plain"


async def test_a_proxy_comes_moves_and_goes_by_reload(database, db, receiver, tmp_path):
    file = tmp_path / "dispatcher.toml"
    await subscribe(db, URL.format(receiver.port), max_attempts=1)
    names = {"receiver.example.com": "127.0.0.1"}
    async with forwarding(**names) as one, forwarding(**names) as other, configured(database, file, egress=HTTP) as run:
        for forward in (one, other):
            write(database, file, egress=f'{HTTP}proxy = "{forward.url()}"\n')
            assert (await reloads(run))["changed"] == ["egress.proxy"]
            await insert(db)
            await all_settled(db)
        write(database, file, egress=HTTP)
        await reloads(run)
        await insert(db)
        await eventually(lambda: run.said("attempt.settled")[2:])
    assert (one.connections, other.connections) == (1, 1)
    assert len(receiver.requests) == 2, "without a proxy the name leads nowhere"
