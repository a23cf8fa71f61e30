"""`dispatcher check` on how secrets are kept."""

from pathlib import Path

import pytest

from dispatcher.cli.checking.keys import judge
from tests.support.checks import checked
from tests.support.keys import FIRST, SEALING, SECOND, keyring, keys_file, line
from tests.support.sql import endpoint, subscribe

PLAIN = "secrets, API keys and header values are stored as they are set secrets.keys_file to have them sealed"


@pytest.fixture
def keys(tmp_path) -> str:
    return keys_file(tmp_path, line("k2", SECOND), line("k1"))


async def sealed_with(db, key_id: str, key: bytes) -> None:
    """One more endpoint, whose secret is."""
    endpoint_id, secret = await subscribe(db, "https://example.com/hook")
    value = keyring(line(key_id, key)).seal(secret, "", endpoint_id, "secret", bytes(12))
    await db.execute(SEALING)
    await db.execute("update webhooks.endpoints set secret = $2 where id = $1", endpoint_id, value)
    assert (await endpoint(db, endpoint_id))["secret"] == value


async def test_without_keys_it_says_how_they_are_stored(database, db):
    assert checked(database.dsn)["secrets"] == ("warning", PLAIN)
    await subscribe(db, "https://example.com/hook")
    assert checked(database.dsn)["secrets"] == ("warning", PLAIN)


async def test_with_keys_and_nothing_else_to_say_it_names_the_active_one(database, db, keys):
    await sealed_with(db, "k2", SECOND)
    assert checked(database.dsn, secrets__keys_file=keys)["secrets"] == ("ok", "sealed with key k2; 2 keys known")


async def test_what_is_plain_or_sealed_with_a_former_key_is_for_rekey(database, db, keys):
    await subscribe(db, "https://example.com/hook")
    await sealed_with(db, "k1", FIRST)
    await sealed_with(db, "k1", FIRST)
    grade, said = checked(database.dsn, secrets__keys_file=keys)["secrets"]
    assert grade == "warning"
    assert said.startswith(
        "sealed with key k2, but 1 endpoint has some stored as they are, key k1 has sealed those of 2"
    )
    assert said.endswith("reload every dispatcher, then run dispatcher rekey")


async def test_a_plain_header_is_found_among_sealed_ones(database, db, keys):
    await sealed_with(db, "k2", SECOND)
    value = keyring(line("k2", SECOND)).seal("x", "", 1, "header:x-one", bytes(12))
    headers = f'{{"X-One" : "{value}", "X-Two":"\\"sealed:v1:k2:AAAA\\""}}'
    await db.execute("update webhooks.endpoints set headers = $1::text::json", headers)
    grade, said = checked(database.dsn, secrets__keys_file=keys)["secrets"]
    assert (grade, "1 endpoint has some stored as they are" in said) == ("warning", True)


async def test_a_key_that_is_missing_fails(database, db, keys):
    await sealed_with(db, "k0", bytes(32))
    grade, said = checked(database.dsn, secrets__keys_file=keys)["secrets"]
    assert grade == "failed"
    assert said.startswith(f"key k0 has sealed secrets of 1 endpoint, and {keys} does not have it")
    grade, said = checked(database.dsn)["secrets"]
    assert (grade, "secrets.keys_file is not set" in said) == ("failed", True)


def test_keys_that_anybody_may_read_are_a_warning(tmp_path):
    keys = keys_file(tmp_path)
    Path(keys).chmod(0o604)
    said = judge(keys, keyring(), {"k1": 1})
    assert (said.grade, said.found) == ("warning", f"{keys} may be read by every account of this machine")
    assert said.remedy == f"chmod o-r {keys}"
    Path(keys).chmod(0o600)
    assert judge(keys, keyring(), {"k1": 1}).grade == "ok"


async def test_a_keys_file_that_is_wrong_fails(database, tmp_path):
    file = keys_file(tmp_path, "k1 AAAA")
    grade, said = checked(database.dsn, secrets__keys_file=file)["secrets"]
    assert grade == "failed"
    assert said.startswith(f"secrets.keys_file: {file}: line 1: there is no colon;")
