"""Who may do what: every table, column and function of schema `webhooks`, for the three kinds of role there are."""

import asyncpg
import pytest

from tests.support.postgres import connected
from tests.support.sql import endpoint, insert, subscribe

SECRET = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
URL = "https://example.com/hook"

EVENT_READ = {"id", "tenant", "type", "occurred_at"}
EVENT_WRITTEN = EVENT_READ | {"data", "context", "key"}
ENDPOINT_READ = {
    "id", "tenant", "name", "url", "profile", "previous_secret_until", "timeout_s", "max_in_flight", "max_attempts",
    "rate_limit", "ordered", "state", "state_reason", "state_at", "failing_since", "parked_until", "created_at",
}  # fmt: skip
SECRET_COLUMNS = {
    "endpoints": {"secret", "previous_secret", "api_key", "headers"},
    "events": {"data", "context", "key"},
}
ALL = None

READ = {
    "app_nobody": {},
    "app_producer": {"events": EVENT_READ},
    "app_operator": {
        "events": EVENT_READ, "endpoints": ENDPOINT_READ, "subscriptions": ALL, "deliveries": ALL, "fanouts": ALL,
        "attempts": ALL, "inbox": ALL, "delivery_status": ALL, "endpoint_status": ALL, "event_status": ALL,
        "holder": ALL, "profiles": ALL, "event_types": ALL, "replays": ALL, "endpoint_settings": ALL,
        "endpoint_rates": ALL,
    },
}  # fmt: skip
INSERTED = {
    "app_nobody": {},
    "app_producer": {"events": EVENT_WRITTEN},
    "app_operator": {"endpoints": ALL, "subscriptions": ALL},
}
UPDATED = {"app_nobody": {}, "app_producer": {}, "app_operator": {"endpoints": ALL, "subscriptions": ALL}}
DELETED = {"app_nobody": set(), "app_producer": set(), "app_operator": {"endpoints", "subscriptions"}}
CALLED = {
    "app_nobody": set(),
    "app_producer": {"emit", "as_json", "uuidv7", "is_type", "refuse"},
    "app_operator": {
        "subscribe", "unsubscribe", "pause", "resume", "activate", "rotate_secret", "retry", "replay", "ping",
        "is_type", "is_pattern", "candidates", "generate_api_key", "create_endpoint", "update_endpoint", "cancel",
        "begin_replay", "carry_on_replay", "end_replay", "preview_replay", "header_names",
    },
}  # fmt: skip
ROLES = list(CALLED)

COLUMNS = """
select c.relname, a.attname, has_column_privilege($1, c.oid, a.attnum, $2) as granted
  from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
 where c.relnamespace = 'webhooks'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f')
"""
FUNCTIONS = """
select p.proname, p.oid::regprocedure::text as signature, p.prosecdef, p.proconfig, p.prosrc, l.lanname,
       has_function_privilege($1, p.oid, 'execute') as granted
  from pg_proc p join pg_language l on l.oid = p.prolang
 where p.pronamespace = 'webhooks'::regnamespace
"""


async def columns(db) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for row in await db.fetch(COLUMNS, "app_nobody", "select"):
        found.setdefault(row["relname"], set()).add(row["attname"])
    return found


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(
    ("privilege", "expected"), [("select", READ), ("insert", INSERTED), ("update", UPDATED), ("references", {})]
)
async def test_a_role_may_use_these_columns_and_no_others(db, role, privilege, expected):
    everything = await columns(db)
    assert {"events", "events_default", "event_keys", "endpoints", "changes", "migrations"} <= set(everything)
    allowed = {
        (table, column)
        for table, named in expected.get(role, {}).items()
        for column in (everything[table] if named is ALL else named)
    }
    rows = await db.fetch(COLUMNS, role, privilege)
    assert {(row["relname"], row["attname"]) for row in rows if row["granted"]} == allowed


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(("privilege", "expected"), [("delete", DELETED), ("truncate", {}), ("trigger", {})])
async def test_a_role_may_do_this_to_whole_tables_and_no_others(db, role, privilege, expected):
    rows = await db.fetch(
        "select relname from pg_class where relnamespace = 'webhooks'::regnamespace and relkind in ('r', 'p', 'v') "
        "and has_table_privilege($1, oid, $2)",
        role, privilege,
    )  # fmt: skip
    assert {row["relname"] for row in rows} == expected.get(role, set())


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_may_call_these_functions_and_no_others(db, role):
    rows = await db.fetch(FUNCTIONS, role)
    granted = [row["proname"] for row in rows if row["granted"]]
    assert set(granted) == CALLED[role]
    assert granted.count("emit") == (3 if role == "app_producer" else 0)


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_may_use_the_schema_or_not_and_never_create_in_it_nor_use_a_sequence(db, role):
    may = await db.fetchrow(
        "select has_schema_privilege($1, 'webhooks', 'usage'), has_schema_privilege($1, 'webhooks', 'create'), "
        "count(*) filter (where case relkind when 'S' then has_sequence_privilege($1, oid, 'usage,select') end) "
        "from pg_class where relnamespace = 'webhooks'::regnamespace",
        role,
    )
    assert tuple(may) == (role != "app_nobody", False, 0)


@pytest.mark.parametrize("role", ROLES)
async def test_no_role_reads_a_secret(db, role):
    rows = await db.fetch(COLUMNS, role, "select")
    readable = {(row["relname"].split("_")[0], row["attname"]) for row in rows if row["granted"]}
    secret = {(table, column) for table, columns in SECRET_COLUMNS.items() for column in columns}
    assert not readable & secret


async def test_every_column_of_endpoints_is_either_read_by_operators_or_a_secret(db):
    assert (await columns(db))["endpoints"] == ENDPOINT_READ | SECRET_COLUMNS["endpoints"]


async def test_a_partition_made_later_is_granted_to_nobody(db):
    assert await db.fetchval("select webhooks.make_days(20)") > 0
    for role in ROLES:
        rows = await db.fetch(COLUMNS, role, "select")
        assert not [row for row in rows if row["granted"] and "_20" in row["relname"]]


# --- functions


INLINED = {"uuidv7", "uuid_floor", "is_type", "is_pattern", "generated_secret", "emit"}


async def test_every_function_has_a_fixed_search_path_but_those_that_have_to_be_inlined(db):
    for row in await db.fetch(FUNCTIONS, "app_nobody"):
        if "search_path=pg_catalog, pg_temp" not in (row["proconfig"] or []):
            assert row["proname"] in INLINED, row["signature"]
            assert (row["prosecdef"], row["lanname"]) == (False, "sql"), row["signature"]


@pytest.fixture
async def hostile(database):
    """A producer whose search_path has an operator ~ of its own that finds a match in everything, and a type json."""
    async with connected(database.superuser_dsn) as superuser:
        await superuser.execute("create schema evil authorization app_producer")
    async with connected(database.dsn_as("app_producer")) as connection:
        await connection.execute(
            "create function evil.matches(text, text) returns boolean language sql as 'select true';"
            "create operator evil.~ (leftarg = text, rightarg = text, function = evil.matches);"
            "set search_path = evil, pg_catalog"
        )
        yield connection


@pytest.mark.parametrize(
    "statement",
    ["insert into webhooks.events (type, data) values ('no type', '1')", "select webhooks.emit('no type', '1')"],
    ids=["insert", "emit"],
)
async def test_a_producer_cannot_talk_a_check_out_of_its_judgement(hostile, statement):
    with pytest.raises((asyncpg.CheckViolationError, asyncpg.InvalidParameterValueError)):
        await hostile.execute(statement)


# --- nobody, producer, operator at work


@pytest.mark.parametrize(
    "statement",
    ["select webhooks.emit('a', '1')", "select * from webhooks.event_status", "select webhooks.uuidv7()"],
)
async def test_nobody_may_nothing(database, statement):
    async with connected(database.dsn_as("app_nobody")) as nobody:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="schema webhooks"):
            await nobody.execute(statement)


MAY_NOT = [
    "insert into webhooks.events (type, data, target) values ('a', '1', 1)",
    "update webhooks.events set type = 'b'",
    "delete from webhooks.events",
    "truncate webhooks.events",
    "select data from webhooks.events",
    "select key from webhooks.events",
    "select * from webhooks.events",
    "insert into webhooks.events (type, data) values ('a', '1') returning data",
    "select count(*) from webhooks.events_default",
    "select event_id from webhooks.event_keys",
    "insert into webhooks.inbox (event_id, tenant, type) values (gen_random_uuid(), '', 'a')",
    "select secret from webhooks.endpoints",
    "select id from webhooks.endpoints",
    "select webhooks.subscribe('https://example.com')",
    "select webhooks.ping(1)",
    "create table webhooks.mine ()",
]


@pytest.mark.parametrize("statement", MAY_NOT)
async def test_a_producer_may_not(database, statement):
    async with connected(database.dsn_as("app_producer")) as producer:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await producer.execute(statement)


async def test_a_producer_reads_which_events_there_are(database, db):
    event_id = await insert(db)
    async with connected(database.dsn_as("app_producer")) as producer:
        row = await producer.fetchrow("select id, tenant, type from webhooks.events")
    assert tuple(row) == (event_id, "", "order.paid")


@pytest.fixture
async def operator(database):
    async with connected(database.dsn_as("app_operator")) as connection:
        yield connection


@pytest.mark.parametrize("column", ["secret", "previous_secret", "api_key", "headers"])
async def test_an_operator_sets_a_secret_and_does_not_read_it(operator, db, column):
    endpoint_id, _ = await subscribe(db, URL)
    value = {"headers": '{"A": "b"}'}.get(column, SECRET)
    until = ", previous_secret_until = now()" if column == "previous_secret" else ""
    changed = f"update webhooks.endpoints set {column} = $1{until} where id = {endpoint_id}"
    await operator.execute(changed, value)
    assert (await endpoint(db, endpoint_id))[column] == value
    for statement in (
        f"select {column} from webhooks.endpoints",
        f"select 1 from webhooks.endpoints where {column} is null",
        "select * from webhooks.endpoints",
        f"update webhooks.endpoints set name = {column}::text",
        f"update webhooks.endpoints set state = 'active' returning {column}",
        f"insert into webhooks.endpoints (url) values ('{URL}') returning {column}",
        f"copy webhooks.endpoints ({column}) to stdout",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await operator.fetch(statement)


async def test_an_operator_makes_edits_and_deletes_endpoints_and_subscriptions(operator, db):
    endpoint_id = await operator.fetchval(f"insert into webhooks.endpoints (url) values ('{URL}') returning id")
    await operator.execute("insert into webhooks.subscriptions (endpoint_id, pattern) values ($1, 'a.*')", endpoint_id)
    await operator.execute("update webhooks.subscriptions set pattern = 'b.*', filter = '$.a == 1'")
    await operator.execute(
        "update webhooks.endpoints set url = $2, ordered = true where id = $1", endpoint_id, URL + "/2"
    )
    row = await endpoint(db, endpoint_id)
    assert (row["url"], row["ordered"], row["secret"][:6]) == (URL + "/2", True, "whsec_")
    assert await operator.fetchval("select pattern from webhooks.subscriptions") == "b.*"
    await operator.execute("delete from webhooks.endpoints where id = $1", endpoint_id)
    assert await operator.fetchval("select count(*) from webhooks.subscriptions") == 0


async def test_an_operator_calls_all_functions(operator):
    endpoint_id, secret = await subscribe(operator, URL)
    for call in (
        "pause($1)", "resume($1)", "rotate_secret($1)", "ping($1)", "retry($1)", "replay($1, now())", "unsubscribe($1)",
    ):  # fmt: skip
        await operator.fetchval(f"select webhooks.{call}", endpoint_id)
    assert secret.startswith("whsec_")


async def test_an_operator_reads_the_state_and_no_payload(operator, db):
    await subscribe(db, URL)
    await insert(db)
    for view in ("event_status", "endpoint_status", "delivery_status", "inbox", "deliveries", "attempts", "fanouts"):
        await operator.fetch(f"select * from webhooks.{view}")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await operator.fetch("select data from webhooks.events")


@pytest.mark.parametrize(
    "statement",
    [
        "insert into webhooks.events (type, data) values ('a', '1')",
        "delete from webhooks.deliveries",
        "update webhooks.deliveries set due_at = now()",
        "delete from webhooks.attempts",
        "insert into webhooks.changes (endpoint_id) values (1)",
        "select webhooks.move(1, 'disabled', '{active}')",
        "select webhooks.refuse_secret('x', 'standard', 'base64')",
        "update webhooks.profiles set strict = false",
        "delete from webhooks.event_types",
        "delete from webhooks.unique_urls",
        "update webhooks.replays set made = 0",
        "select webhooks.look_for_replay(1, '', null, null, null, false, 1, false)",
    ],
)
async def test_an_operator_may_not(operator, statement):
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await operator.execute(statement)
