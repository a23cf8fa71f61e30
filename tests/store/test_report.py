"""What `status` asks: bounded, whatever there is to count, and by plans that do not depend on statistics."""

import re

import asyncpg
import pytest

from dispatcher.store.report import COUNTED, RECENT_BLOCKS, RECENT_S, SETTINGS, Reporter
from dispatcher.store.session import Login, Session
from dispatcher.store.statements import sql
from tests.support.bouncer import bouncing, listens
from tests.support.eventually import eventually

ATTEMPTS = """
insert into webhooks.attempts (delivery_id, event_id, endpoint_id, attempt, duration_ms, outcome, reason, at)
select n, gen_random_uuid(), 1 + n % 50, 1, 1, case when n % 50 = 0 then 'retrying' else 'delivered' end,
       case when n % 50 = 0 then 'http_503' end, now() from generate_series(1, 60000) n
"""

HINDERED = """
insert into webhooks.endpoints (url) select 'https://example.com/' || n from generate_series(1, 4) n;
insert into webhooks.deliveries (event_id, endpoint_id, version)
select gen_random_uuid(), id, 1 from webhooks.endpoints, generate_series(1, 2) order by id;
insert into webhooks.attempts (delivery_id, event_id, endpoint_id, attempt, duration_ms, outcome, reason, at)
select d.id, d.event_id, d.endpoint_id, a.attempt, 1, 'retrying', a.reason, now() - a.ago
  from webhooks.deliveries d,
       (values (1, 'http_500', interval '9 min'), (null, '', interval '8 s')) a (attempt, reason, ago);
update webhooks.attempts
   set reason = case endpoint_id when 2 then 'internal' when 3 then 'proxy' else 'secret' end where reason = '';
"""
ANSWERED = """
insert into webhooks.attempts (delivery_id, event_id, endpoint_id, attempt, duration_ms, outcome, reason)
select max(id), gen_random_uuid(), $1, 1, 1, 'retrying', $2 from webhooks.deliveries where endpoint_id = $1
"""
"""As a receiver does that was reached."""


@pytest.fixture
async def reporter(database):
    reporter = Reporter(Login(database.dsn))
    yield reporter
    await reporter.close()


@pytest.fixture
async def session(database):
    """As the reporter has it."""
    session = Session(Login(database.dsn, settings=SETTINGS), "test")
    yield session
    await session.close()


async def plan(session, *, analyze: bool = False) -> str:
    connection = await session.connection()
    text = sql("sample_attempts").replace("$1", str(RECENT_S)).replace("$2", str(RECENT_BLOCKS))
    rows = await connection.fetch(
        f"explain ({'analyze, timing off, summary off, ' if analyze else ''}costs off) {text}"
    )
    return "\n".join(row[0] for row in rows)


async def test_the_newest_attempts_are_the_end_of_the_table_with_statistics_or_without(session, db):
    assert "Tid Range Scan" in await plan(session)
    await db.execute(ATTEMPTS)
    assert "Tid Range Scan" in await plan(session)
    await db.execute("analyze webhooks.attempts")
    found = await plan(session, analyze=True)
    read = int(re.search(r"Tid Range Scan on attempts_\d+ .*rows=(\d+)", found)[1])
    assert 5_000 < read < 60_000 / 2, found


async def test_of_many_attempts_a_bounded_sample_says_which_endpoints_fail(reporter, db):
    await db.execute(ATTEMPTS)
    recent = (await reporter.report()).recent
    assert 5_000 < recent["delivered"] + recent["failed"] < 60_000 / 2
    assert (recent["answering"], recent["failing"]) == (49, [1])
    assert (recent["reasons"], recent["times"]) == (["http_503"], [recent["failed"]])


async def test_an_attempt_of_before_and_an_ending_without_a_request_are_no_news(reporter, db):
    await db.execute(ATTEMPTS.replace("60000", "10").replace("now()", "now() - interval '6 minutes'"))
    await db.execute(ATTEMPTS.replace("60000", "10").replace("1 + n % 50, 1,", "1 + n % 50, null,"))
    recent = (await reporter.report()).recent
    assert (recent["delivered"], recent["failed"], recent["first_at"]) == (0, 0, None)


async def test_whose_newest_attempt_a_fault_of_ours_put_off_is_sent_nothing(reporter, db):
    await db.execute(HINDERED)
    assert {row["endpoint_id"]: row["reason"] for row in (await reporter.report()).hindered} == {
        1: "secret", 2: "internal", 3: "proxy", 4: "secret",
    }  # fmt: skip
    await db.execute("update webhooks.endpoints set state = 'paused' where id = 2")
    await db.execute("delete from webhooks.deliveries where endpoint_id = 3")
    await db.execute(ANSWERED, 4, "http_503")
    report = await reporter.report()
    assert [(row["endpoint_id"], row["hindered"]) for row in report.hindered] == [(1, 1)]
    assert [(row["id"], row["hindered"], row["failing"]) for row in report.unhappy] == [(1, True, 1), (4, False, 1)]


async def test_it_is_hindered_since_the_oldest_of_what_waits_was_put_off_first(reporter, db):
    await db.execute(HINDERED)
    oldest = "select min(id) from webhooks.deliveries where endpoint_id = 1"
    since = await db.fetchval(
        f"update webhooks.attempts set at = at - interval '2 h' where delivery_id = ({oldest}) and reason = 'secret' "
        "returning at"
    )
    found = {row["endpoint_id"]: row["since"] for row in (await reporter.report()).hindered}
    assert found[1] == since


async def test_a_day_without_a_partition_is_read_from_the_default(reporter, db):
    day = await db.fetchval("select to_char(now() at time zone 'UTC', 'YYYYMMDD')")
    await db.execute(f"drop table webhooks.attempts_{day}")
    await db.execute(ATTEMPTS.replace("60000", "10"))
    recent = (await reporter.report()).recent
    assert recent["delivered"] == 10


async def test_counts_stop_at_their_bound(reporter, db):
    for table in ("deliveries (event_id, endpoint_id)", "inbox (event_id, tenant, type)"):
        values = "gen_random_uuid(), 1" if "deliveries" in table else "webhooks.uuidv7(), '', 'a'"
        await db.execute(f"insert into webhooks.{table} select {values} from generate_series(1, 20000)")
    report = await reporter.report()
    assert (report.inbox["events"], report.open["deliveries"]) == (COUNTED + 1, COUNTED + 1)
    assert report.due["lanes"] == 1


async def test_instants_beyond_all_calendars_stop_nothing(reporter, db):
    await db.execute("insert into webhooks.endpoints (url) values ('https://a.example.com')")
    await db.execute(
        "insert into webhooks.deliveries (event_id, endpoint_id, due_at) select gen_random_uuid(), e.id, d.at "
        "from webhooks.endpoints e, (values (timestamptz '4000-01-01 BC'), ('200000-01-01')) d (at)"
    )
    await db.execute(
        "insert into webhooks.inbox (event_id, tenant, type) values ('ffffffff-ffff-7fff-8000-000000000000', '', 'a')"
    )
    report = await reporter.report()
    assert (report.away, report.unknown) == (None, {})
    assert report.due["oldest_due_at"].year == 1970


async def test_a_database_that_was_dropped_and_is_there_again_is_found_again(cluster, database, reporter):
    assert (await reporter.report()).away is None
    await cluster.execute(f"alter database {database.name} connection limit 0")
    await cluster.execute(f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{database.name}'")
    reports = [await reporter.report() for _ in range(2)]
    assert "too many connections" in reports[-1].away
    await cluster.execute(f"alter database {database.name} connection limit -1")
    assert (await reporter.report()).away is None


async def test_a_database_that_is_slow_to_count_is_not_down(reporter, db, monkeypatch):
    monkeypatch.setattr("dispatcher.store.report.WITHIN_S", 0.5)
    async with db.transaction():
        await db.execute("lock table webhooks.inbox")
        report = await reporter.report()
    assert report.away is None
    assert report.unknown == {"endpoints": "no answer within 0.5 s"}


async def test_a_pooler_that_loses_its_statements_is_suspected(database):
    with bouncing(database, mode="transaction", connections=3, round_robin=True) as pooled:
        await eventually(lambda: listens(pooled))
        others = [await asyncpg.connect(pooled.dsn, statement_cache_size=0) for _ in range(3)]
        for statement in ("begin", "commit"):
            for other in others:
                await other.execute(statement)
        reporter = Reporter(Login(pooled.dsn))
        report = await reporter.report()
        await reporter.close()
        for other in others:
            await other.close(timeout=5)
    assert "behind a pooler in transaction mode?" in report.away
