"""The statements as a set: each prepares, takes what its header declares, and keeps its plan from empty to full."""

import re

import pytest

from dispatcher.store import statements
from dispatcher.store.statements import sql

TYPES = {"uuid", "int8", "int4", "text", "float8", "bool", "bytea", "timestamptz", "json"}


def declared(text: str) -> list[str]:
    """`-- $1  endpoints  int8[]  whose lanes …` declares one parameter."""
    found = re.findall(r"^-- \$(\d+) +(\w+) +(\w+(?:\[\])?)", text, re.MULTILINE)
    assert [int(number) for number, _, _ in found] == list(range(1, len(found) + 1))
    return [kind for _, _, kind in found]


@pytest.mark.parametrize("name", statements.names())
async def test_a_statement_takes_what_its_header_declares(session, name):
    connection = await session.connection()
    prepared = await connection.prepare(sql(name))
    assert [parameter.name for parameter in prepared.get_parameters()] == declared(sql(name))


@pytest.mark.parametrize("name", statements.names())
def test_a_statement_begins_by_saying_what_it_is_for(name):
    assert re.match(r"-- [A-Z].+[.;:]", sql(name)), sql(name)[:80]


HOT = {
    "fan_out": ("", 32, 256, 0, [], [], 64, 8_000_000, [], 0),
    "refill": ([1, 2, 3], [16, 16, 16], [], 8_000_000, 0, [None, None, None]),
    "settle": ([1], [0], ["delivered"], [1], [True], [None], [200], [1], [None], [0.0], [False], [1], []),
    "discover": (0, 1000),
    "survey": ([1, 2, 3],),
    "read_endpoints": ([1, 2, 3],),
    "read_tests": (0, 1000, 4, 0),
    "take_changes": (1000, 0),
    "cancel_open": (1, 1000, []),
    "next_inbox": ("", 0, []),
    "find_locked": ([1, 2, 3],),
    "read_secrets": ([1, 2, 3],),
    "find_uncounted": (15, 45.0),
    "count_attempts": ("2024-01-01", "2024-01-01", "2024-01-02", 1),
    "count_again": ("2024-01-01", "2024-01-02"),
    "fold_rates": (1000,),
    "delete_old_rates": (1000,),
}
BIG = ("deliveries", "events", "attempts", "inbox", "subscriptions", "endpoints", "changes", "rates r", "rates_sums")


async def plan(connection, name: str) -> str:
    """The generic plan, as the dispatching sessions use it."""
    text = sql(name)
    literals = ", ".join(literal(value) for value in HOT[name])
    kinds = ", ".join(declared(text))
    await connection.execute(f"prepare {name} ({kinds}) as {text}")
    rows = await connection.fetch(f"explain (costs off) execute {name} ({literals})")
    return "\n".join(row[0] for row in rows)


def literal(value: object) -> str:
    if isinstance(value, list):
        return "'{" + ",".join("null" if v is None else str(v).lower() for v in value) + "}'"
    return repr(value) if isinstance(value, str) else str(value).lower()


FILL = """
insert into webhooks.endpoints (tenant, url)
select 't' || n % 50, 'https://example.com/' || n from generate_series(1, 2000) n;
insert into webhooks.subscriptions (endpoint_id, pattern) select id, 'order.*' from webhooks.endpoints;
insert into webhooks.events (tenant, type, data)
select 't' || n % 50, 'order.paid', '{}' from generate_series(1, 20000) n;
insert into webhooks.deliveries (event_id, endpoint_id, due_at)
select e.id, 1 + (row_number() over ()) % 2000, now() - interval '1 s'
  from webhooks.events e cross join generate_series(1, 5);
insert into webhooks.attempts (delivery_id, event_id, endpoint_id, attempt, duration_ms, outcome)
select id, event_id, endpoint_id, 1, 1, 'delivered' from webhooks.deliveries;
insert into webhooks.rates (endpoint_id, minutes, at, delivered, failed, buckets, counts)
select e, m, now() - n * m * interval '1 min', 1, 0, '{20}', '{1}'
  from generate_series(1, 2000) e, generate_series(1, 10) n, unnest('{1,15}'::int[]) m;
"""


@pytest.mark.parametrize("name", sorted(HOT))
async def test_a_hot_statement_never_scans_a_table(session, name):
    connection = await session.connection()
    found = await plan(connection, name)
    scans = [line for line in found.splitlines() if "Seq Scan" in line and any(f" {t}" in line for t in BIG)]
    assert not scans, found


async def test_a_plan_made_while_the_queue_was_empty_is_the_plan_of_a_full_one(session, db):
    connection = await session.connection()
    await db.execute(
        "analyze webhooks.deliveries, webhooks.inbox, webhooks.events, webhooks.endpoints, webhooks.subscriptions"
    )
    empty = {name: await plan(connection, name) for name in HOT}
    await db.execute(FILL)
    await db.execute("analyze")
    session.drop()
    connection = await session.connection()
    for name, before in empty.items():
        after = await plan(connection, name)
        assert shape(after) == shape(before), f"{name} was\n{before}\nand is\n{after}"


def shape(plan_text: str) -> list[str]:
    """Which index or scan each table is reached by; partitions of a day count as their parent.

    Endpoints have two indexes that begin with their id, and are as good as each other.
    """
    plan_text = plan_text.replace("endpoint_of_tenant", "endpoints_pkey")
    nodes = re.findall(
        r"(Index Only Scan|Index Scan|Seq Scan|Tid Scan|Bitmap \w+ Scan)(?: Backward)?(?: using (\S+))? on (\S+)",
        plan_text,
    )
    return sorted({" ".join(re.sub(r"_(\d{8}|default)", "", part) for part in node) for node in nodes})
