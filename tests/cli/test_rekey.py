"""`dispatcher rekey`: everything kept secret ends up sealed with the active key, beside whatever else goes on."""

import json
from collections import Counter

import pytest

from dispatcher.cli.rekeying import WARNED
from dispatcher.policy.sealing import Keyring, header, kid_of
from tests.support.commands import told, typed
from tests.support.daemon import daemon
from tests.support.keys import FIRST, SEALING, SECOND, keyring, keys_file, line
from tests.support.postgres import connected
from tests.support.sql import all_settled, endpoint, insert, subscribe

FORMER, LOST = keyring(line("k1")), keyring(line("k0", bytes(32)))
BOTH = line("k2", SECOND), line("k1", FIRST)
URL = "https://example.com/hook"
UNKNOWN = "api_key is sealed with key k0, which secrets.keys_file does not have (k2, k1)"


@pytest.fixture
def keys(tmp_path) -> dict[str, str]:
    """The second key is active, the first still known."""
    return {"secrets__keys_file": keys_file(tmp_path, *BOTH)}


async def seal(db, endpoint_id: int, keys: Keyring = FORMER, *columns: str) -> None:
    """As a dispatcher would: the named columns, or the secret."""
    row = await endpoint(db, endpoint_id)
    for column in columns or ("secret",):
        kind = "secret" if column == "previous_secret" else column
        if column == "headers":
            given = json.loads(row["headers"])
            value = json.dumps({n: keys.seal(v, "", endpoint_id, header(n), bytes(12)) for n, v in given.items()})
        else:
            value = keys.seal(row[column], "", endpoint_id, kind, bytes(12))
        await db.execute(SEALING)
        await db.execute(f"update webhooks.endpoints set {column} = $2 where id = $1", endpoint_id, value)


async def several(db) -> tuple[int, int, int]:
    """Endpoints: plain in all parts; sealed with the former key in all; with a key nobody has."""
    given = {"api_key": "key", "headers": '{"X-One": "1", "X-Two": "2"}'}
    plain, former, lost = [(await subscribe(db, URL, **given))[0] for _ in range(3)]
    await db.execute("select webhooks.rotate_secret($1)", former)
    await seal(db, former, FORMER, "secret", "previous_secret", "api_key", "headers")
    await seal(db, lost, LOST, "api_key")
    return plain, former, lost


async def count_key_ids(db) -> Counter[str | None]:
    """Of every value, in every row."""
    rows = await db.fetch("select secret, previous_secret, api_key, headers::text from webhooks.endpoints")
    return Counter(
        kid_of(value)
        for secret, previous, api_key, headers in rows
        for value in (secret, previous, api_key, *json.loads(headers or "{}").values())
        if value is not None
    )


async def test_all_that_can_be_opened_is_sealed_with_the_active_key_and_the_rest_is_named(database, db, keys):
    _, _, lost = await several(db)
    assert await count_key_ids(db) == {None: 7, "k1": 5, "k0": 1}
    done = typed("rekey", dsn=database.dsn, **keys)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.splitlines() == [
        "sealed with key k2: values of 2 endpoints, 4 stored as they were, 5 sealed with key k1",
        WARNED.format(key="k2", would="sends"),
        f"endpoint {lost} stays as it is: {UNKNOWN}",
    ]
    assert await count_key_ids(db) == {None: 3, "k0": 1, "k2": 9}


async def test_as_json_and_before_it_is_done(database, db, keys):
    _, _, lost = await several(db)
    made = {"active": "k2", "endpoints": 2, "values": {"plain": 4, "former": {"k1": 5}},
            "failed": [{"endpoint_id": lost, "note": UNKNOWN}], "in_use": []}  # fmt: skip
    before = await db.fetch("select * from webhooks.endpoints order by id")
    assert told("rekey", "--dry-run", dsn=database.dsn, **keys) == (1, {"dry_run": True, **made})
    assert await db.fetch("select * from webhooks.endpoints order by id") == before
    assert told("rekey", dsn=database.dsn, **keys) == (1, {"dry_run": False, **made})


async def test_what_is_done_is_not_done_again(database, db, keys):
    endpoint_id, secret = await subscribe(db, URL)
    await seal(db, endpoint_id)
    done = typed("rekey", "--dry-run", dsn=database.dsn, **keys)
    said = "would be sealed with key k2: values of 1 endpoint, 1 sealed with key k1"
    assert (done.returncode, done.stdout.splitlines()) == (0, [said, WARNED.format(key="k2", would="would send")])
    assert typed("rekey", dsn=database.dsn, **keys).returncode == 0
    after = (await endpoint(db, endpoint_id))["secret"]
    assert keyring(*BOTH).open(after, "", endpoint_id, "secret") == secret
    done = typed("rekey", dsn=database.dsn, **keys)
    assert (done.returncode, done.stdout) == (0, "all is sealed with key k2\n")
    assert (await endpoint(db, endpoint_id))["secret"] == after


async def test_beside_a_running_daemon_every_delivery_goes_on(database, db, receiver, tmp_path, keys):
    first = keys_file(tmp_path, name="first")
    endpoint_id, secret = await subscribe(db, receiver.url())
    async with daemon(database.dsn, secrets__keys_file=first) as running:
        await running.says("secret.sealed")
        await insert(db)
        await all_settled(db)
    async with daemon(database.dsn, **keys) as running:
        assert told("rekey", dsn=database.dsn, **keys)[1]["values"] == {"plain": 0, "former": {"k1": 1}}
        await insert(db)
        await all_settled(db)
        assert not running.said("secret.sealed")
    assert kid_of((await endpoint(db, endpoint_id))["secret"]) == "k2"
    assert [request.verified(secret) for request in receiver.requests] == [True, True]


async def test_a_row_that_somebody_holds_on_to_is_named_and_the_others_are_done(database, db, keys):
    held, _ = await subscribe(db, URL)
    await db.execute("insert into webhooks.endpoints (url) select $1 from generate_series(1, 400)", URL)
    async with connected(database.dsn) as holding, holding.transaction():
        await holding.execute("select from webhooks.endpoints where id = $1 for update", held)
        done = typed("rekey", dsn=database.dsn, **keys)
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "sealed with key k2: values of 400 endpoints, 400 stored as they were",
        WARNED.format(key="k2", would="sends"),
        f"endpoint {held} is being changed; run dispatcher rekey again when that is over",
    ]
    assert told("rekey", dsn=database.dsn, **keys)[1]["values"] == {"plain": 1, "former": {}}


async def test_without_a_keys_file_it_says_how_to_make_one(database):
    done = typed("rekey", dsn=database.dsn)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("dispatcher: secrets.keys_file is not set; make a file of keys, such as: (umask 077;")


async def test_a_keys_file_that_is_wrong_is_named_by_line(database, tmp_path):
    file = keys_file(tmp_path, line("k1"), "k2:hunter2")
    done = typed("rekey", dsn=database.dsn, secrets__keys_file=file)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"dispatcher: secrets.keys_file: {file}: line 2: ")
    assert "hunter2" not in done.stderr


def test_an_embedded_database_of_its_own_is_empty(tmp_path):
    done = typed("rekey", dsn="embedded", secrets__keys_file=keys_file(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert "a database that is empty" in done.stderr
