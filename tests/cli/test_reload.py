"""SIGHUP: the configuration is read again, and what it says counts from then on; if it is wrong, nothing changes."""

import signal
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.daemon import Daemon, refusal, starting
from tests.support.eventually import eventually
from tests.support.keys import SECOND, keys_file, line
from tests.support.sql import all_settled, insert, subscribe

EGRESS = 'allow_http = true\nallow_networks = ["127.0.0.0/8"]\n'


@pytest.fixture
def file(tmp_path) -> Path:
    return tmp_path / "dispatcher.toml"


@asynccontextmanager
async def configured(database, file: Path, /, **sections: str):
    """A daemon that has its configuration from the file alone."""
    write(database, file, **sections)
    async with starting("", arguments=["--config", str(file)], plain=True) as running:
        await running.says("work.taken")
        yield running


def write(database, file: Path, /, **sections: str) -> None:
    parts = {"database": f'dsn = "{database.dsn}"\n', "egress": EGRESS, "log": 'format = "json"\n', **sections}
    file.write_text("".join(f"[{name}]\n{keys}" for name, keys in parts.items()))


async def reloads(running: Daemon) -> dict:
    before = len(running.said("configuration.reloaded"))
    running.process.send_signal(signal.SIGHUP)
    return (await eventually(lambda: running.said("configuration.reloaded")[before:]))[0]


async def test_what_an_endpoint_gets_by_default_changes_at_once(database, db, receiver, file):
    await subscribe(db, receiver.url())
    receiver.always(500)
    async with configured(database, file, endpoint="max_attempts = 2\nbackoff_base_s = 3600\n") as running:
        write(database, file, endpoint="max_attempts = 1\n")
        said = await reloads(running)
        assert sorted(said["changed"]) == ["endpoint.backoff_base_s", "endpoint.max_attempts"]
        assert said["at_next_start"] == []
        await insert(db)
        await all_settled(db)
    assert await db.fetch("select outcome from webhooks.attempts") == [("dead",)]


async def test_where_requests_may_go_changes_at_once_and_what_is_in_flight_ends(database, db, receiver, file):
    await subscribe(db, receiver.url("/slow"))
    receiver.hang("/slow")
    async with configured(database, file) as running:
        await insert(db)
        await eventually(lambda: receiver.in_flight("/slow") == 1)
        write(database, file, egress="allow_http = true\n")
        await reloads(running)
        receiver.let_go("/slow")
        await all_settled(db)
        await insert(db)
        settled = await eventually(lambda: running.said("attempt.settled")[1:])
        assert settled[0]["reason"] == "invalid_url"
    assert len(receiver.requests) == 1


async def test_a_wrong_configuration_is_refused_and_the_old_one_stays(database, db, receiver, file):
    await subscribe(db, receiver.url())
    async with configured(database, file) as running:
        write(database, file, egress="allow_htp = true\n", endpoint="timeout_s = 99\n")
        running.process.send_signal(signal.SIGHUP)
        problems = (await running.says("configuration.refused"))["problems"]
        assert f"{file}: unknown key egress.allow_htp; did you mean allow_http?" in problems
        assert any(problem.startswith("endpoint.timeout_s") for problem in problems)
        await insert(db)
        await all_settled(db)
    assert len(receiver.requests) == 1


async def test_a_file_of_authorities_that_is_none_is_refused_too(database, file, tmp_path):
    (tmp_path / "ca.pem").write_text("no certificate")
    async with configured(database, file) as running:
        write(database, file, egress=f'{EGRESS}ca_file = "{tmp_path / "ca.pem"}"\n')
        running.process.send_signal(signal.SIGHUP)
        (problem,) = (await running.says("configuration.refused"))["problems"]
        assert "ca.pem" in problem
        write(database, file)
        assert (await reloads(running))["changed"] == []


async def test_what_takes_effect_at_the_next_start_is_said(database, file):
    async with configured(database, file) as running:
        elsewhere = f'dsn = "postgresql://app_owner@/other?host={database.folder}"\n'
        write(database, file, database=elsewhere, dispatch="poll_s = 2\n", log='format = "json"\nlevel = "debug"\n')
        said = await reloads(running)
        assert sorted(said["at_next_start"]) == ["database.dsn", "dispatch.poll_s"]
        running.terminate()
        assert await running.ends() == 0


async def test_what_waits_for_the_next_start_is_said_at_every_reload_until_then(database, file):
    async with configured(database, file) as running:
        write(database, file, dispatch='installation = "other"\n', retention="events_days = 9\n")
        waiting = ["dispatch.installation", "retention.events_days"]
        for _ in range(2):
            assert sorted((await reloads(running))["at_next_start"]) == waiting


async def test_the_level_of_the_log_changes_at_once(database, db, receiver, file):
    await subscribe(db, receiver.url())
    async with configured(database, file) as running:
        write(database, file, log='format = "json"\nlevel = "debug"\n')
        await reloads(running)
        await insert(db)
        await running.says("event.fanned_out")


async def test_another_password_is_for_the_next_connection(database, db, receiver, file):
    await subscribe(db, receiver.url())
    async with configured(database, file) as running:
        write(database, file, database=f'dsn = "{database.dsn.replace("app_owner@", "app_owner:rotated@")}"\n')
        assert (await reloads(running))["at_next_start"] == []
        await db.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where datname = current_database() and application_name like 'dispatcher: %'"
        )
        await running.says("listener.returned")
        await insert(db)
        await all_settled(db)


async def test_more_at_once_from_now_on(database, db, receiver, file):
    receiver.hang()
    for number in range(3):
        await subscribe(db, receiver.url(), name=str(number))
    async with configured(database, file, dispatch="max_in_flight = 1\nmax_slow = 1\n") as running:
        await insert(db)
        await eventually(lambda: receiver.in_flight() == 2)
        write(database, file)
        await reloads(running)
        await eventually(lambda: receiver.in_flight() == 3)
        receiver.let_go()
        await all_settled(db)


async def test_another_key_in_the_same_file_seals_from_now_on_and_a_lost_one_is_noticed(
    database, db, receiver, file, tmp_path
):
    keys = keys_file(tmp_path)
    section = f'keys_file = "{keys}"\n'
    _, secret = await subscribe(db, receiver.url())
    async with configured(database, file, secrets=section) as running:
        assert (await running.says("secret.sealed"))["key"] == "k1"
        keys_file(tmp_path, line("k2", SECOND))
        assert (await reloads(running))["changed"] == ["secrets.keys_file"]
        await insert(db)
        assert (await running.says("attempt.settled"))["reason"] == "secret"
        keys_file(tmp_path, line("k2", SECOND), line("k1"))
        await reloads(running)
        await db.execute("select webhooks.retry(id) from webhooks.deliveries")
        await all_settled(db)
        await subscribe(db, receiver.url("/new"))
        said = await eventually(lambda: running.said("secret.sealed")[1:])
        assert (said[0]["endpoints"], said[0]["key"]) == (1, "k2")
        assert (await reloads(running))["changed"] == []
    (request,) = receiver.requests
    assert request.verified(secret)


async def test_a_keys_file_that_is_wrong_is_refused_whole_and_the_old_one_stays(database, db, receiver, file, tmp_path):
    keys = keys_file(tmp_path)
    section = f'keys_file = "{keys}"\n'
    await subscribe(db, receiver.url())
    async with configured(database, file, secrets=section) as running:
        await running.says("secret.sealed")
        keys_file(tmp_path, line("k1"), "hunter2")
        write(database, file, secrets=section, egress="allow_http = false\n")
        running.process.send_signal(signal.SIGHUP)
        (problem,) = (await running.says("configuration.refused"))["problems"]
        assert problem.startswith(f"secrets.keys_file: {keys}: line 2: there is no colon;")
        await insert(db)
        await all_settled(db)
    assert len(receiver.requests) == 1


async def test_a_start_without_a_key_that_can_be_read_is_refused(database, tmp_path):
    keys = keys_file(tmp_path, "k1:")
    code, said = refusal(database.dsn, secrets__keys_file=keys)
    assert (code, said.split(";")[0]) == (2, f"secrets.keys_file: {keys}: line 1: key k1 has 0 bytes")
