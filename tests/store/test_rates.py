"""endpoint_rates and what endpoint_status says of it: what counts, how exactly, and what a look costs."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dispatcher.model import OUR_FAULTS, Outcome
from dispatcher.store.migrate import migrate
from tests.support.postgres import connected
from tests.support.rates import are_exact, is_about, put, rates
from tests.support.schema import made_up_to
from tests.support.sql import subscribe

URL = "https://example.com/hook"
RATES = "endpoint_id tenant delivered_1h failed_1h success_1h p95_ms_1h delivered_24h failed_24h success_24h p95_ms_24h"


@pytest.fixture
async def endpoint_id(db):
    """Of a schema in which nothing has been counted for long."""
    await db.execute("update webhooks.rates_until set until = until - interval '2 days'")
    endpoint_id, _ = await subscribe(db, URL, tenant="acme")
    return endpoint_id


async def test_the_view_has_these_columns_in_this_order(db):
    prepared = await db.prepare("select * from webhooks.endpoint_rates")
    assert [attribute.name for attribute in prepared.get_attributes()] == RATES.split()


async def test_an_endpoint_that_nothing_was_sent_to_has_no_rate(db, endpoint_id):
    assert tuple(await rates(db, endpoint_id)) == (endpoint_id, "acme", 0, 0, None, None, 0, 0, None, None)


async def test_the_hour_and_the_day_are_told_apart(db, endpoint_id):
    await put(db, endpoint_id, ago=timedelta(minutes=59), duration_ms=64, count=2)
    await put(db, endpoint_id, "dead", "timeout", ago=timedelta(minutes=62), duration_ms=16_384)
    await put(db, endpoint_id, ago=timedelta(hours=24, minutes=16), count=7)
    row = tuple(await rates(db, endpoint_id))[2:]
    assert row == (2, 0, Decimal(1), 64, 2, 1, Decimal("0.6667"), 16_384)


@pytest.mark.parametrize(
    ("outcome", "reason", "counted"),
    [
        ("delivered", None, (1, 0)),
        ("retrying", "http_503", (0, 1)),
        ("retrying", "blocked_address", (0, 1)),
        ("dead", "gone", (0, 1)),
        ("dead", "unsignable", (0, 1)),
        ("cancelled", "cancelled", (0, 0)),
        ("expired", "expired", (0, 0)),
        ("expired", "secret", (0, 0)),
        *(("retrying", reason, (0, 0)) for reason in sorted(OUR_FAULTS)),
    ],
)
async def test_an_attempt_counts_as(db, endpoint_id, outcome, reason, counted):
    assert outcome in set(Outcome)
    await put(db, endpoint_id, outcome, reason)
    row = await rates(db, endpoint_id)
    assert (row["delivered_1h"], row["failed_1h"]) == (row["delivered_24h"], row["failed_24h"]) == counted
    assert (row["p95_ms_1h"] is None) == (counted == (0, 0))


async def test_the_attempts_of_another_endpoint_do_not_count(db, endpoint_id):
    other, _ = await subscribe(db, URL)
    await put(db, other, count=3)
    assert (await rates(db, endpoint_id))["delivered_24h"] == 0
    assert (await rates(db, other))["delivered_24h"] == 3


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(durations=st.lists(st.one_of(st.integers(0, 100), st.integers(0, 31_000)), min_size=1, max_size=60))
async def test_p95_is_within_a_tenth_of_what_counting_every_attempt_says(db, endpoint_id, durations):
    await db.execute("truncate webhooks.attempts")
    await db.executemany(
        "insert into webhooks.attempts (delivery_id, event_id, endpoint_id, attempt, duration_ms, outcome) "
        "values (1, webhooks.uuidv7(), $1, 1, $2, 'delivered')",
        [(endpoint_id, duration) for duration in durations],
    )
    exactly = await db.fetchval(
        "select percentile_disc(0.95) within group (order by duration_ms) from webhooks.attempts"
    )
    assert is_about((await rates(db, endpoint_id))["p95_ms_1h"], exactly)


async def test_a_schema_that_is_at_work_is_counted_from_a_day_back(empty):
    await made_up_to(empty, 9)
    async with connected(empty.dsn) as db:
        endpoint_id, _ = await subscribe(db, URL)
        await put(db, endpoint_id, ago=timedelta(hours=23), count=4)
        await migrate(empty.dsn)
        assert await are_exact(db) == 4
        assert await db.fetchval("select now() - until > interval '23 h' from webhooks.rates_until")


async def test_a_new_schema_has_nothing_to_catch_up_with(db):
    assert await db.fetchval("select now() - until < interval '6 h' from webhooks.rates_until")


# What a look costs

FILL = """
insert into webhooks.rates (endpoint_id, minutes, at, delivered, failed, buckets, counts)
select e, m, date_bin('15 min', now(), 'epoch') - n * m * interval '1 min', 1, 0, '{20}', '{1}'
  from generate_series(1, 300) e, generate_series(1, 60) n, unnest($1::int[]) m
"""


async def plan(db, query: str) -> str:
    return "\n".join(row[0] for row in await db.fetch(f"explain (costs off) {query}"))


@pytest.mark.parametrize(
    ("columns", "read"),
    [
        ("state, open, last_status", set()),
        ("delivered_1h", {"rates", "rates_sums", "rates_until"}),
        ("p95_ms_1h", {"rates", "rates_sums", "rates_until"}),
    ],
)
async def test_who_does_not_ask_for_rates_does_not_pay_for_them(db, columns, read):
    found = await plan(db, f"select {columns} from webhooks.endpoint_status")
    assert set(re.findall(r"(?<!Index Scan) on (rates\w*)", found)) == read, found


async def test_what_a_look_does_not_ask_for_is_not_added_up(db):
    for columns, sums in (("*", 3), ("delivered_1h, failed_24h, success_1h", 1), ("p95_ms_1h", 1), ("p95_ms_24h", 1)):
        found = await plan(db, f"select {columns} from webhooks.endpoint_rates")
        assert len(re.findall(r"on rates_sums s", found)) == sums, found


async def test_what_the_planner_learnt_while_there_were_no_minutes_does_not_mislead_it(db):
    """It would look for an endpoint's among everybody's, given an index that lets it."""
    await db.execute("alter table webhooks.rates set (autovacuum_enabled = off)")
    await db.execute("insert into webhooks.endpoints (url) select $1 || n from generate_series(1, 300) n", URL)
    await db.execute(FILL, [15])
    await db.execute("analyze webhooks.rates, webhooks.rates_sums")
    await db.execute(FILL, [1])
    found = await plan(db, "select * from webhooks.endpoint_status where endpoint_id between 100 and 150")
    assert not re.findall(r"Seq Scan on (?:rates|rates_sums)\b", found), found
    conditions = re.findall(r"on rates(?:_sums)? [rs].*?Index Cond: \(+(\w+) ", found, re.DOTALL)
    assert set(conditions) == {"endpoint_id"}, found
