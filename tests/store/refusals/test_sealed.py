"""Sealed values in the table: taken as they are, for the tenant they are of, and no way round what is refused."""

import base64

import pytest

from tests.support.keys import NONCE, SEALING, keyring
from tests.support.refusals import judge, refused
from tests.support.sql import endpoint, subscribe

SEALED = "sealed:v1:k1:AAECAwQFBgcICQoLNvg9CD36wlC40hxuPW6vmQ=="
OTHER = SEALED.replace("k1", "k2")
PLANTED = (SEALED, "sealed:v1:k1", "sealed:v1:hidden", "sealed:v1:" + "A" * 100_000)
BREAK = "update webhooks.profiles set required = '{name}', https_only = true"
"""From now on no endpoint of it is as it should be."""


@pytest.mark.parametrize(
    "change",
    [
        f"secret = '{SEALED}'",
        f"previous_secret = '{SEALED}'",
        f"api_key = '{SEALED}'",
        f"""headers = '{{"Authorization":"{SEALED}"}}'""",
        f"""headers = '{{ "Authorization" : "{SEALED}" }}', secret = '{SEALED}', api_key = '{SEALED}'""",
        "parked_until = now()",
    ],
)
async def test_sealing_goes_through_whatever_a_profile_says_by_now(db, owned, change):
    await db.execute(f"{BREAK}; {SEALING}")
    await db.execute(f"update webhooks.endpoints set {change} where id = $1", owned)
    await db.execute(f"update webhooks.endpoints set {change.replace(SEALED, OTHER)} where id = $1", owned)


@pytest.mark.parametrize(
    "change",
    [
        f"secret = '{SEALED}', url = 'https://example.com/other'",
        "secret = 'sealed:v1:k1'",
        f"secret = '{SEALED}', api_key = 'plain'",
        f"secret = '{SEALED}', tenant = 'other'",
        f"""headers = '{{"Authorization":"{SEALED}","X-One":"{SEALED}"}}'""",
        f"""headers = '{{"Host":"{SEALED}"}}'""",
        """headers = '{"Authorization":"plain"}'""",
        f"""headers = '{{"Authorization":"x{SEALED}"}}'""",
        "previous_secret = null, previous_secret_until = null",
    ],
)
async def test_what_changes_more_than_that_is_judged_as_ever(db, owned, change):
    await db.execute(f"{BREAK}; {SEALING}")
    judge(await refused(db, f"update webhooks.endpoints set {change} where id = $1", owned), "name_is_given", "23514")


@pytest.mark.parametrize("change", [f"{c} = '{SEALED}'" for c in ("secret", "previous_secret", "api_key")])
async def test_the_tenant_of_what_is_sealed_stays(db, owned, change):
    await db.execute("update webhooks.endpoints set tenant = 'free' where id = $1", owned)
    await db.execute(SEALING)
    await db.execute(f"update webhooks.endpoints set {change} where id = $1", owned)
    error = await refused(db, "update webhooks.endpoints set tenant = 'bound' where id = $1", owned)
    judge(error, "tenant_of_what_is_sealed_is_fixed", "23514")


async def sealed_is(db, endpoint_id: int, secret: str) -> None:
    """As the dispatcher would have written it."""
    async with db.transaction():
        await db.execute(SEALING.replace("set ", "set local "))
        await db.execute("update webhooks.endpoints set secret = $2 where id = $1", endpoint_id, secret)


@pytest.mark.parametrize("value", PLANTED, ids=range(len(PLANTED)))
@pytest.mark.parametrize("column", ["secret", "previous_secret", "api_key", "headers"])
@pytest.mark.parametrize("how", ["insert", "update"])
async def test_nobody_else_writes_what_looks_sealed(db, owned, column, value, how):
    given = f'{{"Authorization": "{value}"}}' if column == "headers" else value
    cast = "::text::json" if column == "headers" else ""
    if how == "update":
        statement = f"update webhooks.endpoints set {column} = $1{cast} where id = {owned}"
    else:
        statement = f"insert into webhooks.endpoints (url, {column}) values ('https://example.com/', $1{cast})"
    judge(await refused(db, statement, given), "sealing_is_for_the_dispatcher", "23514")


async def test_nor_spelt_in_another_way(db, owned):
    headers = """{"Authorization": "\\u0073ealed:v1:k1:AAAA"}"""
    error = await refused(db, f"update webhooks.endpoints set headers = '{headers}' where id = $1", owned)
    judge(error, "sealing_is_for_the_dispatcher", "23514")


async def test_what_is_sealed_already_stays_beside_what_is_changed(db, owned):
    await sealed_is(db, owned, SEALED)
    await db.execute("update webhooks.endpoints set url = 'https://example.com/new' where id = $1", owned)
    await db.execute("update webhooks.endpoints set previous_secret = secret where id = $1", owned)


async def test_a_sealed_secret_does_not_follow_into_a_profile_that_reads_it_otherwise(db):
    await db.execute("insert into webhooks.profiles (name, scheme, encoding) values ('hex', 'github', 'hex')")
    endpoint_id, _ = await subscribe(db, "https://example.com/hook")
    await sealed_is(db, endpoint_id, SEALED)
    error = await refused(db, "update webhooks.endpoints set profile = 'hex' where id = $1", endpoint_id)
    judge(error, "secret_fits_profile", "23514")
    anew = "update webhooks.endpoints set profile = 'hex', secret = repeat('ab', 16) where id = $1"
    await db.execute(anew, endpoint_id)


async def test_the_id_that_secrets_are_bound_to_stays(db, owned):
    judge(await refused(db, "update webhooks.endpoints set id = default where id = $1", owned), "id_is_fixed", "23514")


async def test_rotation_keeps_the_sealed_one_as_the_previous(db):
    endpoint_id, _ = await subscribe(db, "https://example.com/hook")
    await sealed_is(db, endpoint_id, SEALED)
    new = await db.fetchval("select webhooks.rotate_secret($1)", endpoint_id)
    row = await endpoint(db, endpoint_id)
    assert (row["secret"], row["previous_secret"]) == (new, SEALED)
    assert new.startswith("whsec_")


@pytest.mark.parametrize(
    ("prefix", "size"), [("whsk_", 32), ("whsk_", 64), *(("whsec_", size) for size in range(24, 65))]
)
async def test_a_sealed_key_pair_is_known_for_one_and_not_replaced_by_a_secret(db, prefix, size):
    secret = prefix + base64.b64encode(bytes(size)).decode()
    endpoint_id, _ = await subscribe(db, "https://example.com/hook")
    sealed = keyring().seal(secret, "", endpoint_id, "secret", NONCE)
    await sealed_is(db, endpoint_id, sealed)
    if prefix == "whsk_":
        judge(await refused(db, "select webhooks.rotate_secret($1)", endpoint_id), "secret_is_given", "22023")
    else:
        assert (await db.fetchval("select webhooks.rotate_secret($1)", endpoint_id)).startswith("whsec_")
    await db.execute("select webhooks.rotate_secret($1, secret => $2)", endpoint_id, secret)
