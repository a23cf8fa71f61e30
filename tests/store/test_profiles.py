"""Table `profiles`: a mirror of the files, and what `subscribe`, `rotate_secret` and `ping` make of it."""

import pytest

from dispatcher.config import Settings, load_profiles
from dispatcher.store.profiles import mirror
from tests.support.keys import SEALING
from tests.support.postgres import connected
from tests.support.profiles import SHIPPED, written
from tests.support.refusals import judge, refused
from tests.support.sql import subscribe

MINE = "description = 'Mine'\nbody = '{\"d\":$data}'\n"
PRIVATE = "whsk_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


def profiles(folder, profile="standard", **files):
    written(folder, **files)
    return load_profiles(Settings.model_validate({"dispatch": {"profiles_dir": str(folder), "profile": profile}}))


async def names(db) -> list[str]:
    return await db.fetchval("select array_agg(name order by name) from webhooks.profiles")


async def test_what_the_files_say_is_in_the_table(db, session, tmp_path):
    text = MINE + (
        "success = [200, 202]\nrequired = ['name', 'headers']\napi_key_header = 'X-Key'\n"
        "[signature]\nscheme = 'stripe'\nheader = 'Mine-Signature'\nsecret = 'optional'\n"
        "[endpoint]\ntimeout_s = 2.5\nmax_in_flight = 3\n[url]\nunique = true\n"
    )
    await mirror(session, profiles(tmp_path, mine=text), alone=True)
    row = dict(await db.fetchrow("select * from webhooks.profiles where name = 'mine'"))
    assert row | {"timeout_s": float(row["timeout_s"])} == {
        "name": "mine", "is_default": False, "description": "Mine", "scheme": "stripe", "secret": "optional",
        "encoding": "utf8", "signature_header": "mine-signature", "api_key_header": "x-key",
        "content_type": "application/json", "success": [200, 202], "timeout_s": 2.5, "max_in_flight": 3,
        "max_attempts": None, "https_only": False, "unique_url": True, "required": ["name", "headers"],
        "initial_state": "active", "strict": False,
    }  # fmt: skip


async def test_said_again_nothing_is_written(db, session, tmp_path):
    given = profiles(tmp_path, mine=MINE)
    await mirror(session, given, alone=True)
    before = await db.fetch("select name, xmin::text from webhooks.profiles order by name")
    await mirror(session, given, alone=True)
    assert await db.fetch("select name, xmin::text from webhooks.profiles order by name") == before


async def test_a_profile_whose_file_is_gone_goes_with_the_dispatcher_and_stays_with_migrate(db, session, tmp_path):
    await mirror(session, profiles(tmp_path, mine=MINE), alone=True)
    await mirror(session, load_profiles(Settings()), alone=False)
    assert "mine" in await names(db)
    await mirror(session, load_profiles(Settings()), alone=True)
    assert await names(db) == sorted(SHIPPED)


@pytest.mark.parametrize("alone", [True, False])
async def test_there_is_one_default(db, session, tmp_path, alone):
    await mirror(session, profiles(tmp_path, "mine", mine=MINE), alone=True)
    assert await db.fetch("select name from webhooks.profiles where is_default") == [("mine",)]
    await mirror(session, load_profiles(Settings()), alone=alone)
    assert await db.fetch("select name from webhooks.profiles where is_default") == [("standard",)]


async def test_an_endpoint_without_a_profile_is_judged_by_the_default(db, session, tmp_path):
    await mirror(session, profiles(tmp_path, "context"), alone=True)
    error = await refused(db, "select webhooks.subscribe('https://example.com/')")
    judge(error, "name_is_given", "23514")


# URLs of which each is one endpoint's


UNIQUE = MINE + "[url]\nunique = true\n"
TAKEN = "select webhooks.subscribe('https://example.com/', profile => 'mine')"


async def test_where_a_profile_begins_to_want_urls_of_their_own_those_that_are_there_count(db, session, tmp_path):
    await mirror(session, profiles(tmp_path, mine=MINE), alone=True)
    for _ in range(2):
        await db.execute(TAKEN)
    await mirror(session, profiles(tmp_path, mine=UNIQUE), alone=True)
    judge(await refused(db, TAKEN), "url_is_unique", "23514")
    assert await db.fetchval("select array_agg(endpoint_id) from webhooks.unique_urls") == [1]
    await mirror(session, profiles(tmp_path, mine=MINE), alone=True)
    await db.execute(TAKEN)
    assert await db.fetchval("select count(*) from webhooks.unique_urls") == 0


async def test_those_of_no_profile_follow_the_default(db, session, tmp_path):
    await db.execute("select webhooks.subscribe('https://example.com/')")
    given = profiles(tmp_path, "mine", mine=UNIQUE)
    await mirror(session, given, alone=True)
    judge(await refused(db, "select webhooks.subscribe('https://example.com/')"), "url_is_unique", "23514")
    await mirror(session, load_profiles(Settings()), alone=True)
    await db.execute("select webhooks.subscribe('https://example.com/')")


async def test_while_nothing_differs_nobody_s_lock_is_waited_for(session, database):
    async with connected(database.dsn) as other:
        await other.execute("begin; select * from webhooks.profiles for update")
        await mirror(session, load_profiles(Settings()), alone=True)
        await mirror(session, load_profiles(Settings()), alone=False)


# What an endpoint may not become


async def test_a_profile_whose_catalogue_knows_none_of_its_patterns_is_refused(db):
    await db.execute("insert into webhooks.event_types values ('sydx', 'message.received', 'A message', '1')")
    endpoint_id, _ = await subscribe(db, "https://example.com/", "{order.paid}")
    known, _ = await subscribe(db, "https://example.com/", "{message.*}")
    change = "update webhooks.endpoints set profile = 'sydx' where id = $1"
    judge(await refused(db, change, endpoint_id), "type_is_in_catalogue", "23514")
    await db.execute(change, known)
    move = "update webhooks.subscriptions set endpoint_id = $2 where endpoint_id = $1"
    judge(await refused(db, move, endpoint_id, known), "type_is_in_catalogue", "23514")


@pytest.mark.parametrize("name", ["X-Hub-Signature-256", "x-hub-signature-256"])
async def test_no_header_looks_like_the_signature_of_a_profile_that_is_there(db, session, tmp_path, name):
    await mirror(session, profiles(tmp_path, mine=MINE + "[signature]\nscheme = 'github'"), alone=True)
    call = f"select webhooks.subscribe('https://example.com/', headers => '{{\"{name}\": \"x\"}}')"
    judge(await refused(db, call), "headers_are_allowed", "23514")


async def test_headers_are_not_longer_than_64_kib_white_space_and_all(db):
    call = "select webhooks.subscribe('https://example.com/', headers => ('{' || repeat(' ', 70000) || '}')::json)"
    judge(await refused(db, call), "headers_are_allowed", "23514")


async def test_a_type_of_any_length_is_refused_at_once(db):
    await db.execute("insert into webhooks.event_types values ('standard', 'message.received', 'A message', '1')")
    await subscribe(db, "https://example.com/")
    await db.execute("set statement_timeout = '5s'")
    judge(await refused(db, "select webhooks.ping(1, repeat('x', 1000000))"), "type_has_an_example", "22023")


# Secrets


@pytest.mark.parametrize(
    ("signature", "form"),
    [
        ("scheme = 'standard'", r"^whsec_[A-Za-z0-9+/]{43}=$"),
        ("scheme = 'embedded'", None),
        ("scheme = 'github'", r"^whsec_[A-Za-z0-9+/]{43}=$"),
        ("scheme = 'github'\nencoding = 'hex'", r"^[0-9a-f]{64}$"),
        ("scheme = 'stripe'\nencoding = 'base64'", r"^whsec_[A-Za-z0-9+/]{43}=$"),
    ],
)
async def test_a_secret_is_made_as_the_profile_wants_it(db, session, tmp_path, signature, form):
    text = MINE if form else MINE.replace("$data}", '$data,"signature":"$signature"}')
    await mirror(session, profiles(tmp_path, mine=f"{text}[signature]\n{signature}"), alone=True)
    made = await db.fetchval("select secret from webhooks.subscribe('https://example.com/', profile => 'mine')")
    assert await db.fetchval("select $1 ~ $2", made, form or "^whsec_[A-Za-z0-9+/]{43}=$")
    endpoint_id = await db.fetchval("select max(id) from webhooks.endpoints")
    rotated = await db.fetchval("select webhooks.rotate_secret($1)", endpoint_id)
    assert await db.fetchval("select $1 ~ $2", rotated, form or "^whsec_[A-Za-z0-9+/]{43}=$")
    assert rotated != made


@pytest.mark.parametrize("profile", ["madyis", "manysends", "hellomateo"])
async def test_where_a_secret_is_optional_none_is_made_and_one_can_be_given_later(db, profile):
    statement = "select endpoint_id, secret from webhooks.subscribe('https://example.com/', profile => $1)"
    endpoint_id, secret = await db.fetchrow(statement, profile)
    assert secret is None
    given = await db.fetchval("select webhooks.rotate_secret($1)", endpoint_id)
    columns = "select secret, previous_secret, previous_secret_until from webhooks.endpoints where id = $1"
    assert await db.fetchrow(columns, endpoint_id) == (given, None, None)
    await db.execute("update webhooks.endpoints set secret = null where id = $1", endpoint_id)


@pytest.mark.parametrize("profile", ["standard", "sydx", "cloudevents"])
async def test_where_a_secret_is_required_it_cannot_be_taken_away(db, profile):
    statement = "select endpoint_id from webhooks.subscribe('https://example.com/', profile => $1)"
    endpoint_id = await db.fetchval(statement, profile)
    error = await refused(db, "update webhooks.endpoints set secret = null where id = $1", endpoint_id)
    judge(error, "secret_is_given", "23514")


async def test_a_profile_that_signs_nothing_takes_no_secret_and_rotates_none(db):
    call = "select endpoint_id from webhooks.subscribe('https://example.com/', profile => 'context', name => 'x'{})"
    judge(await refused(db, call.format(f", secret => '{PRIVATE}'")), "secret_fits_profile", "23514")
    endpoint_id = await db.fetchval(call.format(""))
    judge(await refused(db, "select webhooks.rotate_secret($1)", endpoint_id), "secret_fits_profile", "22023")


async def test_an_ed25519_key_is_rotated_by_giving_the_next(db):
    endpoint_id, _ = await subscribe(db, "https://example.com/", secret=PRIVATE)
    judge(await refused(db, "select webhooks.rotate_secret($1)", endpoint_id), "secret_is_given", "22023")
    following = PRIVATE.replace("AAEC", "AAED")
    assert await db.fetchval("select webhooks.rotate_secret($1, $2)", endpoint_id, following) == following


async def test_an_api_key_that_is_made_can_be_given(db, database):
    async with connected(database.dsn_as("app_operator")) as operator:
        key = await operator.fetchval("select webhooks.generate_api_key()")
    assert await db.fetchval("select $1 ~ '^[A-Za-z0-9_-]{43}$'", key)
    assert key != await db.fetchval("select webhooks.generate_api_key()")
    await db.execute("select webhooks.subscribe('https://example.com/', api_key => $1)", key)


# What is sealed


SEALED = "sealed:v1:k1:AAECAwQFBgcICQoLDA0ODw=="


@pytest.mark.parametrize("column", ["secret", "api_key", "headers"])
async def test_what_is_sealed_is_taken_as_it_is_and_binds_the_tenant(db, column):
    endpoint_id, _ = await subscribe(db, "https://example.com/")
    value = f'{{"Authorization": "{SEALED}", "X-Team": "ops"}}' if column == "headers" else SEALED
    await db.execute(SEALING)
    cast = "::text::json" if column == "headers" else ""
    await db.execute(f"update webhooks.endpoints set {column} = $2{cast} where id = $1", endpoint_id, value)
    moved = "update webhooks.endpoints set tenant = 'b' where id = $1"
    judge(await refused(db, moved, endpoint_id), "tenant_of_what_is_sealed_is_fixed", "23514")
    judge(
        await refused(db, 'update webhooks.endpoints set headers = \'{"Host": "x"}\''), "headers_are_allowed", "23514"
    )


async def test_a_sealed_secret_goes_on_as_the_previous_one(db):
    await db.execute(SEALING)
    endpoint_id, _ = await subscribe(db, "https://example.com/", secret=SEALED)
    rotated = await db.fetchval("select webhooks.rotate_secret($1)", endpoint_id)
    columns = "select secret, previous_secret from webhooks.endpoints where id = $1"
    assert await db.fetchrow(columns, endpoint_id) == (rotated, SEALED)
