"""An outcome is a fact: written once, whoever says it, however often, and harmless when it comes too late."""

import asyncio
from dataclasses import astuple, dataclass

import pytest

from dispatcher.errors import StatementFailed
from dispatcher.store.session import PLANS, Login, Session
from tests.support.eventually import eventually
from tests.support.sql import attempts, insert_many, states, subscribe

URL = "https://example.com/hook"
OTHERS = ["retrying", "dead", "cancelled", "expired"]


@dataclass(frozen=True)
class Report:
    """What happened to one delivery: the arguments of `settle`, in their order."""

    id: int
    version: int = 0
    outcome: str = "delivered"
    spent: int = 1
    requested: bool = True
    reason: str | None = None
    status: int | None = 200
    duration_ms: int = 7
    reply: bytes | None = None
    delay_s: float = 60.0
    in_order: bool = False


def failed(id_: int, outcome: str = "retrying", **given) -> Report:
    return Report(id_, outcome=outcome, **({"reason": "http_503", "status": 503, "reply": b"busy"} | given))


async def settle(session: Session, *reports: Report) -> set[int]:
    """The ids that were applied."""
    columns = [list(column) for column in zip(*map(astuple, reports), strict=True)]
    going_on = [report.id for report in reports if report.outcome == "retrying"]
    ended = [report.id for report in reports if report.outcome != "retrying"]
    return {row["id"] for row in await session.fetch("settle", *columns, ended, going_on)}


@pytest.fixture
async def ids(db, session) -> list[int]:
    """Five open deliveries of one endpoint."""
    await subscribe(db, URL)
    await insert_many(db, 5)
    await session.fetch("fan_out", "", 32, 1000, 0, [], [], 64, 8_000_000, [], 0)
    return [row["id"] for row in await db.fetch("select id from webhooks.deliveries order by id")]


async def everything(db) -> list[list[tuple]]:
    """All that a settle could touch."""
    tables = [
        await db.fetch("select * from webhooks.attempts order by delivery_id, at"),
        await db.fetch("select * from webhooks.deliveries order by id"),
    ]
    return [[tuple(row) for row in rows] for rows in tables]


# --- once


async def test_delivered_ends_the_row_and_writes_an_attempt(db, session, ids):
    assert await settle(session, Report(ids[0], reply=b"ok")) == {ids[0]}
    row = await db.fetchrow("select * from webhooks.attempts")
    written = {name: value for name, value in row.items() if name not in ("at", "event_id", "endpoint_id")}
    assert written == {
        "delivery_id": ids[0], "attempt": 1, "duration_ms": 7, "status": 200, "outcome": "delivered", "reason": None,
        "reply": b"ok",
    }  # fmt: skip
    assert await states(db) == ["delivered", *["pending"] * 4]


async def test_retrying_puts_the_row_off_and_counts_the_attempt(db, session, ids):
    assert await settle(session, failed(ids[0], delay_s=60.0)) == {ids[0]}
    row = await db.fetchrow(
        "select d.attempts, d.version, d.retry_at, extract(epoch from d.due_at - a.at)::float8 as delay, "
        "a.attempt, a.outcome, a.reason, a.reply "
        "from webhooks.deliveries d join webhooks.attempts a on a.delivery_id = d.id"
    )
    assert tuple(row) == (1, 1, None, 60.0, 1, "retrying", "http_503", b"busy")


async def test_in_an_ordered_lane_the_order_stays_and_the_delay_stands_beside_it(db, session, ids):
    order = "select id from webhooks.deliveries order by due_at, id"
    before, due = (
        await db.fetch(order),
        await db.fetchval("select due_at from webhooks.deliveries where id = $1", ids[0]),
    )
    await settle(session, failed(ids[0], delay_s=60.0, in_order=True))
    row = await db.fetchrow(
        "select due_at, extract(epoch from retry_at - (select at from webhooks.attempts))::float8 "
        "from webhooks.deliveries where id = $1", ids[0],
    )  # fmt: skip
    assert tuple(row) == (due, 60.0)
    assert await db.fetch(order) == before


async def test_attempts_are_numbered_one_after_the_other(db, session, ids):
    for version in range(3):
        await settle(session, failed(ids[0], version=version))
    await settle(session, Report(ids[0], version=3))
    assert [row[:2] for row in await attempts(db)] == [
        (1, "retrying"), (2, "retrying"), (3, "retrying"), (4, "delivered"),
    ]  # fmt: skip


async def test_our_own_fault_spends_no_attempt(db, session, ids):
    await settle(session, failed(ids[0], spent=0, status=None))
    row = await db.fetchrow("select attempts, version from webhooks.deliveries where id = $1", ids[0])
    assert tuple(row) == (0, 1)


@pytest.mark.parametrize("outcome", ["cancelled", "expired"])
async def test_an_ending_without_a_request_has_no_attempt_number(db, session, ids, outcome):
    await settle(session, Report(ids[0], outcome=outcome, requested=False, spent=0, reason=outcome, status=None))
    assert await attempts(db) == [(None, outcome, outcome, None)]


async def test_a_batch_gives_each_delivery_its_own_outcome_whatever_its_order(db, session, ids):
    reports = [
        Report(ids[3], status=204),
        failed(ids[0], "dead"),
        failed(ids[4]),
        Report(ids[1], outcome="cancelled", requested=False, reason="cancelled", status=None),
    ]
    assert await settle(session, *reports) == {ids[0], ids[1], ids[3], ids[4]}
    rows = await db.fetch("select delivery_id, outcome, status from webhooks.attempts order by 1")
    assert [tuple(row) for row in rows] == [
        (ids[0], "dead", 503), (ids[1], "cancelled", None), (ids[3], "delivered", 204), (ids[4], "retrying", 503),
    ]  # fmt: skip
    assert await states(db) == ["dead", "cancelled", "pending", "delivered", "pending"]


async def test_an_attempt_names_the_event_and_the_endpoint_of_its_delivery(db, session, ids):
    before = await db.fetch("select id, event_id, endpoint_id from webhooks.deliveries order by id")
    await settle(session, *(Report(id_) for id_ in reversed(ids)))
    assert await db.fetch("select delivery_id, event_id, endpoint_id from webhooks.attempts order by 1") == before


# --- twice, and too late


async def test_the_same_batch_a_second_time_changes_nothing(db, session, ids):
    batch = [Report(ids[0]), *(failed(id_, outcome) for id_, outcome in zip(ids[1:], OTHERS, strict=True))]
    assert await settle(session, *batch) == set(ids)
    after = await everything(db)
    assert await settle(session, *batch) == set()
    assert await everything(db) == after
    assert len(await attempts(db)) == 5


async def test_a_batch_that_was_half_written_writes_the_other_half(db, session, ids):
    batch = [Report(ids[0]), failed(ids[1]), failed(ids[2], "dead")]
    await settle(session, *batch[:2])
    assert await settle(session, *batch) == {ids[2]}
    assert len(await attempts(db)) == 3


@pytest.mark.parametrize("version", [0, 1, 7, 2**31 - 1])
async def test_delivered_ends_the_row_whatever_its_version(db, session, ids, version):
    await settle(session, failed(ids[0]))
    assert await settle(session, Report(ids[0], version=version)) == {ids[0]}
    assert [row[:2] for row in await attempts(db)] == [(1, "retrying"), (2, "delivered")]


@pytest.mark.parametrize("version", [0, 2])
@pytest.mark.parametrize("outcome", OTHERS)
async def test_anything_else_applies_to_the_version_it_was_read_at_and_to_no_other(db, session, ids, outcome, version):
    await settle(session, failed(ids[0]))
    before = await everything(db)
    assert await settle(session, failed(ids[0], outcome, version=version), Report(ids[1])) == {ids[1]}
    after = await everything(db)
    assert after[1] == [row for row in before[1] if row[0] != ids[1]]
    assert [row[0] for row in after[0]] == [ids[0], ids[1]]
    assert await settle(session, failed(ids[0], outcome, version=1)) == {ids[0]}


@pytest.mark.parametrize("outcome", ["delivered", *OTHERS])
async def test_what_is_said_of_a_delivery_that_is_gone_is_not_applied(db, session, ids, outcome):
    await settle(session, Report(ids[0]))
    before = await everything(db)
    assert await settle(session, failed(ids[0], outcome, version=1), failed(10**9, outcome)) == set()
    assert await everything(db) == before


@pytest.mark.parametrize("outcome", OTHERS)
async def test_retry_makes_an_old_report_harmless(db, session, ids, outcome):
    assert await db.fetchval("select webhooks.retry($1)", ids[0])
    before = await everything(db)
    assert await settle(session, failed(ids[0], outcome)) == set()
    assert await everything(db) == before


async def test_a_delivery_brought_back_from_the_dead_is_safe_from_the_report_that_killed_it(db, session, ids):
    dead = failed(ids[0], "dead", version=1)
    await settle(session, failed(ids[0]))
    await settle(session, dead)
    assert await db.fetchval("select webhooks.retry($1)", ids[0])
    before = await everything(db)
    assert await settle(session, dead) == set()
    assert await everything(db) == before


async def test_a_delivery_brought_back_is_safe_also_from_a_report_of_its_first_attempt(db, session, ids):
    dead = failed(ids[0], "dead")
    await settle(session, dead)
    assert await db.fetchval("select webhooks.retry($1)", ids[0])
    before = await everything(db)
    assert await settle(session, dead) == set()
    assert await everything(db) == before


async def test_a_report_that_cannot_be_written_takes_nothing_of_its_batch_with_it(db, session, ids):
    before = await everything(db)
    with pytest.raises(StatementFailed):
        await settle(session, Report(ids[0]), failed(ids[1], "nonsense"))
    assert await everything(db) == before


async def test_two_who_settle_the_same_batch_at_once_write_it_once(db, database, session, ids):
    other = Session(Login(database.dsn, settings=PLANS), "other")
    batch = [Report(ids[0]), *(failed(id_, outcome) for id_, outcome in zip(ids[1:], OTHERS, strict=True))]
    connection = await session.connection()
    async with connection.transaction():
        mine = await settle(session, *batch)
        late = asyncio.create_task(settle(other, *batch))
        await eventually(lambda: waits(db))
    assert (mine, await late) == (set(ids), set())
    await other.close()
    assert len(await attempts(db)) == 5


async def waits(db) -> bool:
    """Somebody waits for a lock in this database."""
    return await db.fetchval(
        "select exists (select from pg_locks l join pg_stat_activity a using (pid) "
        "where not l.granted and a.datname = current_database())"
    )
