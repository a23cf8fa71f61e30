"""`dispatcher profile install`: the catalogue, where `subscribe` and `ping` look it up."""

import asyncpg
import pytest

from tests.support.commands import told, typed
from tests.support.profiles import SHIPPED, written
from tests.support.sql import subscribe

OURS = """
description = "Acme"
body = '{"kind":"$type","data":$data}'
strict = true
"""
ENTRY = """
[[event_types]]
name = "%s"
description = "%s"
example = '%s'
"""
URL = "https://example.com/hook"
AS_WRITTEN = '{"n":  1e400, "n": 12345678901234567890123, "z": "\\u00e9\\u0000"}'


def acme(folder, *entries: tuple[str, str, str]):
    return written(folder, acme=OURS + "".join(ENTRY % entry for entry in entries))


async def catalogue(db, profile: str = "acme") -> list[tuple[str, str, str]]:
    rows = await db.fetch(
        "select name, description, example::text from webhooks.event_types where profile = $1 order by name", profile
    )
    return [tuple(row) for row in rows]


async def test_it_says_what_changed_and_said_again_it_changes_nothing(database, db, tmp_path):
    def installed() -> dict[str, object]:
        code, made = told("profile", "install", "acme", dsn=database.dsn, dispatch__profiles_dir=tmp_path)
        assert code == 0
        return {name: made[name] for name in ("added", "changed", "removed", "unchanged")}

    await db.execute("insert into webhooks.event_types values ('other', 'x.y', 'Theirs.', '1')")
    acme(tmp_path, ("a.b", "One.", "1"), ("a.c", "Two.", AS_WRITTEN), ("a.d", "Three.", "3"))
    assert installed() == {"added": 3, "changed": 0, "removed": 0, "unchanged": 0}
    assert (await catalogue(db))[1] == ("a.c", "Two.", AS_WRITTEN)
    at = await db.fetchval("select max(xmin::text::bigint) from webhooks.event_types")
    assert installed() == {"added": 0, "changed": 0, "removed": 0, "unchanged": 3}
    assert await db.fetchval("select max(xmin::text::bigint) from webhooks.event_types") == at, "nothing was written"
    acme(tmp_path, ("a.b", "One.", "1 "), ("a.c", "Two!", AS_WRITTEN), ("a.e", "Four.", "4"))
    assert installed() == {"added": 1, "changed": 2, "removed": 1, "unchanged": 0}
    assert [name for name, _, _ in await catalogue(db)] == ["a.b", "a.c", "a.e"]
    assert await catalogue(db, "other") == [("x.y", "Theirs.", "1")]


async def test_from_then_on_a_strict_profile_knows_its_types_and_ping_its_examples(database, db):
    endpoint_id, _ = await subscribe(db, URL, "{anything.goes}", profile="manysends")
    done = typed("profile", "install", "manysends", dsn=database.dsn)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "manysends: 18 event types (18 added, 0 changed, 0 removed, 0 unchanged)",
        f"1 subscription from before matches none of them: anything.goes of endpoint {endpoint_id}",
    ]
    with pytest.raises(asyncpg.CheckViolationError) as refused:
        await subscribe(db, URL + "/2", "{conversation.create}", profile="manysends")
    assert refused.value.constraint_name == "type_is_in_catalogue"
    assert "conversation.created" in refused.value.hint
    await db.execute("select webhooks.ping($1, 'conversation.created')", endpoint_id)
    sent = await db.fetchval("select data::text from webhooks.events where target = $1", endpoint_id)
    assert sent == SHIPPED["manysends"].event_types[0].example


async def test_a_profile_that_the_database_has_not_heard_of_is_mirrored(database, db, tmp_path):
    acme(tmp_path, ("a.b", "One.", "1"))
    default = "select name from webhooks.profiles where is_default"
    assert typed("profile", "install", "acme", dsn=database.dsn, dispatch__profiles_dir=tmp_path).returncode == 0
    assert await db.fetchval("select strict from webhooks.profiles where name = 'acme'")
    assert await db.fetchval(default) == "standard"
    await subscribe(db, URL, "{a.b}", profile="acme")
    await db.execute("update webhooks.profiles set strict = false where name = 'acme'")
    assert typed("profile", "install", "acme", dsn=database.dsn, dispatch__profiles_dir=tmp_path).returncode == 0
    assert not await db.fetchval("select strict from webhooks.profiles where name = 'acme'"), "what is there stays"


async def test_what_matches_no_type_any_more_is_counted_and_the_first_are_named(database, db, tmp_path):
    acme(tmp_path, ("a.b.c", "One.", "1"))
    given = {"dispatch__profiles_dir": tmp_path, "dispatch__profile": "acme"}
    assert typed("migrate", dsn=database.dsn, **given).returncode == 0
    first, _ = await subscribe(db, URL, "{*,a.*,a.b.*,a.b.c,a.b,a.x.*,b.*}", profile="acme")
    await subscribe(db, URL, "{b.*}", profile="standard")
    for _ in range(4):
        await subscribe(db, URL, "{b.*}", profile="acme")
    code, made = told("profile", "install", "acme", dsn=database.dsn, **given)
    assert (code, made["unmatched"]["subscriptions"]) == (0, 7)
    assert made["unmatched"]["first"][:3] == [
        {"endpoint_id": first, "pattern": pattern} for pattern in ("a.b", "a.x.*", "b.*")
    ]
    said = typed("profile", "install", "acme", dsn=database.dsn, **given).stdout
    assert f"7 subscriptions from before match none of them: a.b of endpoint {first}, " in said
    assert said.endswith(" and 2 more\n")


async def test_without_a_catalogue_there_is_nothing_to_install(database):
    done = typed("profile", "install", "standard", dsn=database.dsn)
    assert (done.returncode, done.stdout) == (1, "")
    assert "profile standard has no catalogue" in done.stderr
    assert "standard.toml lists no event_types" in done.stderr


@pytest.mark.parametrize("role", ["app_operator", "app_producer", "app_nobody"])
async def test_only_the_owner_may(database, db, role):
    done = typed("profile", "install", "sydx", dsn=database.dsn_as(role))
    assert (done.returncode, done.stdout) == (2, "")
    assert f"role {role} does not own schema webhooks; connect as app_owner" in done.stderr
    assert await catalogue(db, "sydx") == []


async def test_without_the_schema_it_says_to_migrate(cluster):
    async with cluster.database(migrated=False) as empty:
        done = typed("profile", "install", "sydx", dsn=empty.dsn)
    assert (done.returncode, done.stderr) == (2, "dispatcher: schema webhooks is not there; run: dispatcher migrate\n")
