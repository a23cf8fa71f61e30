"""`dispatcher token`: made and shown once, listed without being shown, taken back."""

import hashlib
import re
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from dispatcher.cli.tokens import wanted
from dispatcher.errors import ConfigError
from tests.support.commands import ran, told_here, typed
from tests.support.postgres import connected


async def test_a_token_is_alone_on_stdout_and_only_its_digest_is_kept(database, db):
    done = await ran("token", "create", "billing", "--scope", "operate", "--tenant", "acme", dsn=database.dsn)
    assert done.returncode == 0
    text = done.stdout.removesuffix("\n")
    assert re.fullmatch(r"whd_1_[A-Za-z0-9_-]{43}", text)
    assert done.stderr == "token 1, scope operate, tenant 'acme', until it is revoked; it is not shown again:\n"
    (row,) = await db.fetch("select name, scope, tenant, digest, expires_at, last_used_at from webhooks.tokens")
    assert tuple(row) == ("billing", "operate", "acme", hashlib.sha256(text.encode()).digest(), None, None)


async def test_as_json_it_is_one_object(database):
    code, made = await told_here("token", "create", "all of it", "--scope", "admin", dsn=database.dsn)
    assert code == 0
    assert made.pop("token").startswith("whd_1_")
    assert made == {"token_id": 1, "name": "all of it", "scope": "admin", "tenant": None, "expires_at": None}


@pytest.mark.parametrize(("given", "days"), [("30", 30), ("0.5", 0.5)])
async def test_it_expires_after_so_many_days(database, db, given, days):
    await ran("token", "create", "t", "--scope", "read", "--expires", given, dsn=database.dsn)
    row = await db.fetchrow("select created_at, expires_at from webhooks.tokens")
    assert row["expires_at"] - row["created_at"] == timedelta(days=days)


async def test_it_expires_at_an_instant(database, db):
    await ran("token", "create", "t", "--scope", "read", "--expires", "2099-01-01T00:00:00+01:00", dsn=database.dsn)
    assert await db.fetchval("select expires_at from webhooks.tokens") == datetime(2098, 12, 31, 23, tzinfo=UTC)


FULL = ["sh", "-c", '"$@" > /dev/full', "sh"]
REFUSED = {
    "in the past": (["t", "--expires", "2020-01-01T00:00:00Z"], "--expires"),
    "without an offset": (["t", "--expires", "2099-01-01T00:00:00"], "offset"),
    "no time at all": (["t", "--expires", "soon"], "a number of days"),
    "at once": (["t", "--expires", "0"], "a number of days"),
    "too long": (["t", "--expires", "99999"], "up to 3650"),
    "without a name": ([""], "NAME"),
    "under a long name": (["x" * 201], "200 characters"),
    "under a name that moves the cursor": (["a\x1b[2J"], "printable"),
    "of a long tenant": (["t", "--tenant", "x" * 257], "--tenant"),
}


@pytest.mark.parametrize(("words", "named"), REFUSED.values(), ids=REFUSED)
async def test_what_no_token_can_have_is_refused(words, named):
    name, *options = words
    given = dict(zip(options[::2], options[1::2], strict=True))
    with pytest.raises(ConfigError, match=named):
        wanted(name, "read", given.get("--tenant"), given.get("--expires"))


async def test_what_is_refused_is_one_line():
    done = await ran("token", "create", "t", "--scope", "read", "--expires", "soon", dsn="postgresql://localhost/none")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("dispatcher: --expires is 'soon': it must be a number of days")


async def test_the_list_says_what_became_of_each_and_shows_none(database, db):
    text = (await ran("token", "create", "one", "--scope", "read", dsn=database.dsn)).stdout.strip()
    await ran("token", "create", "two", "--scope", "admin", "--tenant", "", "--expires", "1", dsn=database.dsn)
    await ran("token", "create", "three", "--scope", "operate", dsn=database.dsn)
    await db.execute("update webhooks.tokens set expires_at = now() - interval '1 s' where id = 2")
    assert (await ran("token", "revoke", "3", dsn=database.dsn)).returncode == 0
    done = await ran("token", "list", dsn=database.dsn)
    assert [line.split()[:5] for line in done.stdout.splitlines()[1:]] == [
        ["1", "one", "read", "all", "live"],
        ["2", "two", "admin", "''", "expired"],
        ["3", "three", "operate", "all", "revoked"],
    ]
    assert text[6:] not in done.stdout
    code, found = await told_here("token", "list", dsn=database.dsn)
    assert code == 0
    assert [(each["token_id"], each["tenant"], each["state"]) for each in found["data"]] == [
        (1, None, "live"), (2, "", "expired"), (3, None, "revoked"),
    ]  # fmt: skip
    assert "digest" not in found["data"][0]


async def test_where_there_are_none_the_list_says_how_to_make_one(database):
    done = await ran("token", "list", dsn=database.dsn)
    assert (done.returncode, done.stdout) == (
        0, "there are no tokens; make one: dispatcher token create NAME --scope read\n",
    )  # fmt: skip


async def test_a_token_is_revoked_once(database, db):
    await ran("token", "create", "one", "--scope", "read", dsn=database.dsn)
    code, first = await told_here("token", "revoke", "1", dsn=database.dsn)
    assert (code, first["token_id"], first["name"]) == (0, 1, "one")
    assert await told_here("token", "revoke", "1", dsn=database.dsn) == (0, first)
    assert await db.fetchval("select revoked_at is not null from webhooks.tokens")


async def test_one_that_is_not_there_cannot_be_revoked(database):
    done = await ran("token", "revoke", "7", dsn=database.dsn)
    assert (done.returncode, done.stderr) == (1, "dispatcher: there is no token 7\n")


async def test_an_operator_neither_makes_nor_sees_tokens(database):
    done = await ran("token", "list", dsn=database.dsn_as("app_operator"))
    assert done.returncode == 2
    assert "does not own schema webhooks; connect as app_owner" in done.stderr


@pytest.mark.parametrize("role", ["app_operator", "app_producer", "app_nobody"])
@pytest.mark.parametrize("table", ["tokens", "requests"])
async def test_nobody_but_the_owner_reads_what_is_kept_of_them(database, role, table):
    async with connected(database.dsn_as(role)) as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch(f"select * from webhooks.{table}")


async def test_what_cannot_be_written_is_said_with_what_to_do(database):
    done = typed("token", "create", "t", "--scope", "read", dsn=database.dsn, under=FULL)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "dispatcher: token 1 was made, but could not be written (No space left on device); "
        "take it back: dispatcher token revoke 1"
    )
