"""`dispatcher status` where something of ours keeps endpoints from being sent anything."""

import re
import signal

from tests.support.commands import told, typed
from tests.support.daemon import daemon
from tests.support.eventually import eventually
from tests.support.keys import FIRST, NONCE, SEALING, SECOND, keyring, keys_file, line
from tests.support.postgres import change_past_the_trigger
from tests.support.sql import all_settled, attempts, insert, subscribe


async def put_off(db, endpoint_id: int, reason: str) -> None:
    async def is_put_off() -> bool:
        return (None, "retrying", reason, None) in await attempts(db, endpoint_id)

    await eventually(is_put_off)


async def test_a_key_that_is_missing_is_an_outage_of_ours_until_it_is_there(database, db, receiver, tmp_path):
    await subscribe(db, receiver.url())
    hindered, secret = await subscribe(db, receiver.url())
    value = keyring(line("k0", SECOND)).seal(secret, "", hindered, "secret", NONCE)
    await db.execute(SEALING)
    await db.execute("update webhooks.endpoints set secret = $2 where id = $1", hindered, value)
    file = keys_file(tmp_path)
    async with daemon(database.dsn, secrets__keys_file=file) as running:
        await insert(db)
        await put_off(db, hindered, "secret")
        done = typed("status", dsn=database.dsn)
        code, made = told("status", dsn=database.dsn)
        keys_file(tmp_path, line("k1", FIRST), line("k0", SECOND))
        running.process.send_signal(signal.SIGHUP)
        await all_settled(db)
        after = typed("status", dsn=database.dsn)
    first, *lines = done.stdout.splitlines()
    said = r"us: 1 of 2 endpoints is sent nothing: secret since \d\d:\d\d; see endpoint\.hindered in the log"
    assert re.fullmatch(said, first)
    assert "endpoints  2 active; 1 sent nothing; none fails" in lines
    row = next(line for line in lines if line.startswith(f"{hindered} "))
    assert re.search(r" sent nothing +secret [\d.]+ s +1$", row), row
    assert (done.returncode, code, made["ok"], made["blame"], made["verdict"]) == (1, 1, False, "us", first)
    assert (made["endpoints"]["hindered"], made["endpoints"]["failing"]) == (1, 0)
    (worst,) = made["endpoints"]["worst"]
    assert worst == worst | {"endpoint_id": hindered, "hindered": True, "last_reason": "secret"}
    assert (after.returncode, after.stdout.splitlines()[0]) == (0, "delivering")


async def test_a_profile_that_has_vanished_is_an_outage_of_ours(database, db, receiver):
    endpoint_id, _ = await subscribe(db, receiver.url())
    await change_past_the_trigger(database, "update webhooks.endpoints set profile = 'gone'")
    async with daemon(database.dsn):
        await insert(db)
        await put_off(db, endpoint_id, "internal")
        said = typed("status", dsn=database.dsn).stdout
    assert said.startswith("us: 1 of 1 endpoint is sent nothing: internal since "), said
