"""What is listed is all there is, in its order, each once: whatever the page, and whatever is looked at for it."""

import random
import re
from datetime import timedelta
from uuid import UUID

import pytest

from dispatcher.store import deliveries, endpoints, events
from dispatcher.store.deliveries import Wanted
from dispatcher.store.session import Login, Session
from dispatcher.store.statements import sql
from tests.support.sql import insert, subscribe

URL = "https://example.com/hook"
OUTCOMES = ["delivered", "delivered", "dead", "expired", "cancelled", "retrying", None]

ATTEMPT = (
    "insert into webhooks.attempts (delivery_id, event_id, endpoint_id, attempt, at, duration_ms, status, outcome, "
    "reason) values ($1, $2, $3, $4, $5, 3, $6, $7, $8)"
)
OPEN = (
    "insert into webhooks.deliveries (id, event_id, endpoint_id, due_at, attempts, version, test) "
    "values ($1, $2, $3, $4, $5, $6, $7)"
)
SEEN = """
select s.*, coalesce(s.last_at, d.due_at) as at
  from webhooks.delivery_status s
  left join webhooks.deliveries d on d.id = s.delivery_id
 where ($1::text is null or s.tenant = $1)
   and ($2::bigint is not null or s.endpoint_id in (select id from webhooks.endpoints))
   and ($2::bigint is null or s.endpoint_id = $2)
   and ($3::text is null or $3 = any (webhooks.candidates(s.type))) and ($4::text[] is null or s.state = any ($4))
   and ($5::timestamptz is null or coalesce(s.last_at, d.due_at) >= $5)
   and ($6::timestamptz is null or coalesce(s.last_at, d.due_at) < $6)
 order by at desc, s.delivery_id desc
"""


@pytest.fixture
async def session(database):
    session = Session(Login(database.dsn), "test")
    yield session
    await session.close()


@pytest.fixture
async def lived(db):
    """Endpoints with a history of every kind: their ids, and the instant around which it is."""
    dice = random.Random(7)  # noqa: S311 no secret
    ids = [(await subscribe(db, f"{URL}/{n}", tenant="ab"[n % 2]))[0] for n in range(6)]
    now = await db.fetchval("select date_trunc('second', now())")
    events_, attempts, open_ = [], [], []
    for number, row in enumerate(await db.fetch("select webhooks.uuidv7() as id from generate_series(1, 180)"), 1):
        of = ids[0] if number < 60 else dice.choice(ids)
        kind = dice.choice(["order.paid", "order", "order.paid.late", "user.made"])
        events_.append((row["id"], "ab"[ids.index(of) % 2], kind))
        at = now - timedelta(minutes=dice.randrange(200), days=dice.choice([0, 0, 1]))
        made, is_open = _life(dice, at)
        attempts += [(number, row["id"], of, *each) for each in made]
        if is_open is not None:
            open_.append((number, row["id"], of, at, is_open, len(made), dice.random() < 0.2))
    await db.execute("alter table webhooks.events disable trigger user")
    await db.executemany("insert into webhooks.events (id, tenant, type, data) values ($1, $2, $3, '{}')", events_)
    await db.execute("alter table webhooks.events enable trigger user")
    await db.executemany(ATTEMPT, attempts)
    await db.executemany(OPEN, open_)
    await db.execute("delete from webhooks.endpoints where id = $1", ids[5])
    return ids, now


def _life(dice, at):
    """Attempts that may be as old as others', and how many the delivery remembers, unless it has ended."""
    made = [attempt(number, at - timedelta(hours=9 - number), "retrying") for number in range(1, dice.randrange(1, 4))]
    ending = dice.choice(OUTCOMES)
    if ending is not None:
        made.append(attempt(None if ending in {"expired", "cancelled"} else 4, at, ending))
    if ending == "dead" and dice.random() < 0.3:
        return made, 0
    return made, len(made) if ending in {None, "retrying"} and dice.random() < 0.9 else None


def attempt(number, at, outcome):
    status = {"delivered": 200, "cancelled": None, "expired": None}.get(outcome, 503)
    return number, at, status, outcome, None if outcome == "delivered" else outcome


async def paged(session, wanted: Wanted, most: int):
    """All pages together; none that is short is the last for that."""
    found, before = [], None
    for _ in range(500):
        page = await deliveries.find(session, wanted, before=before, most=most)
        assert len(page.rows) <= most
        assert page.last is None or before is None or page.last < before, "it goes on"
        found += page.rows
        if page.last is None:
            return found
        before = page.last
    raise AssertionError("it never ends")


def compared(rows):
    names = ("delivery_id", "event_id", "endpoint_id", "tenant", "type", "state", "attempts", "last_status",
             "last_reason", "last_at", "due_at", "at")  # fmt: skip
    return [tuple(row[name] for name in names) for row in rows]


WANTED = {
    "all": {},
    "a tenant": {"tenant": "a"},
    "a pattern": {"pattern": "order.*"},
    "a type": {"pattern": "order"},
    "everything": {"pattern": "*"},
    "nothing": {"pattern": "other.*"},
    "dead": {"states": ["dead"]},
    "open": {"states": ["pending"]},
    "delivered or cancelled": {"states": ["delivered", "cancelled"]},
    "all at once": {"tenant": "b", "pattern": "order.*", "states": ["pending", "dead"]},
}


@pytest.mark.parametrize(("looked", "most"), [(5, 50), (15, 7), (1000, 50)])
async def test_pages_together_are_what_the_view_says(db, session, lived, monkeypatch, looked, most):
    ids, now = lived
    monkeypatch.setattr(deliveries, "LOOKED", looked)
    monkeypatch.setattr(deliveries, "LOOKED_INTO", looked)
    a_day = {"since": now - timedelta(hours=2), "until": now - timedelta(minutes=30)}
    of = [{"endpoint_id": ids[0]}, {"endpoint_id": ids[5]}, {"endpoint_id": ids[0], "states": ["dead"]}]
    for given in (*WANTED.values(), a_day, {**a_day, "tenant": "a"}, *of, {**a_day, "endpoint_id": ids[0]}):
        wanted = Wanted(**given)
        seen = await db.fetch(
            SEEN, wanted.tenant, wanted.endpoint_id, wanted.pattern, wanted.states, wanted.since, wanted.until
        )
        assert compared(await paged(session, wanted, most)) == compared(seen), given


async def test_the_history_of_an_endpoint_that_is_gone_is_listed(session, lived):
    ids, _ = lived
    gone = await paged(session, Wanted(endpoint_id=ids[5]), 50)
    assert gone
    assert {row["endpoint_id"] for row in gone} == {ids[5]}
    assert "pending" not in {row["state"] for row in gone}


@pytest.mark.usefixtures("lived")
async def test_one_that_is_retried_says_so_in_its_place(session):
    dead = (await deliveries.find(session, Wanted(states=["dead"]))).rows[-1]
    assert await deliveries.retry(session, dead["delivery_id"])
    (row,) = [row for row in await paged(session, Wanted(), 50) if row["delivery_id"] == dead["delivery_id"]]
    assert (row["state"], row["attempts"], row["last_at"]) == ("pending", 0, dead["last_at"])


async def test_one_event_s_are_listed_page_by_page(db, session):
    for _ in range(7):
        await subscribe(db, URL)
    event = await insert(db)
    await db.execute(
        "insert into webhooks.deliveries (event_id, endpoint_id) select $1, id from webhooks.endpoints", event
    )
    found, before = [], None
    while True:
        page = await deliveries.find(session, Wanted(event_id=event), before=before, most=3)
        found += [row["delivery_id"] for row in page.rows]
        if (before := page.last) is None:
            break
    assert found == [row["id"] for row in await db.fetch("select id from webhooks.deliveries order by id desc")]


async def test_events_are_all_found_over_short_pages(db, session, monkeypatch):
    monkeypatch.setattr(events, "LOOKED", 4)
    monkeypatch.setattr(events, "LOOKS_S", 0.0)
    made = [await insert(db, "order.paid" if n % 5 == 0 else "user.made", tenant="ab"[n % 3 == 0]) for n in range(30)]
    kinds = {"order.*": 6, "user.made": 24, "*": 30, "other": 0}
    for pattern, count in kinds.items():
        found, before, shorts = [], None, 0
        while True:
            page = await events.find(session, pattern=pattern, before=before, most=3)
            found += [row["event_id"] for row in page.rows]
            shorts += page.last is not None and len(page.rows) < 3
            if page.last is None:
                break
            before = page.last
        assert (len(found), found) == (count, sorted(found, reverse=True)), pattern
        assert set(found) <= set(made)
        assert shorts or pattern in {"*", "user.made"}


async def test_events_of_an_instant_are_those_with_ids_of_it(db, session):
    now = await db.fetchval("select now()")
    await insert(db)
    day = timedelta(days=1)
    assert len((await events.find(session, since=now - day, until=now + day)).rows) == 1
    assert not (await events.find(session, until=now - day)).rows
    assert not (await events.find(session, since=now + timedelta(minutes=5))).rows


async def test_endpoints_are_listed_once_each_with_what_they_last_got(db, session):
    ids = [(await subscribe(db, f"{URL}?n={n}", tenant="ab"[n % 2], types="{order.*,a}"))[0] for n in range(9)]
    await db.execute("update webhooks.endpoints set state = 'paused' where id = any ($1)", ids[:4])
    event = UUID(int=7)
    await db.execute(ATTEMPT, 1, event, ids[0], *attempt(1, await db.fetchval("select now()"), "retrying"))
    await db.execute(
        "insert into webhooks.attempts (delivery_id, event_id, endpoint_id, attempt, duration_ms, outcome, reason) "
        "values (2, $1, $2, 1, 9, 'retrying', 'timeout')", event, ids[1],
    )  # fmt: skip
    found, after = [], 0
    while page := await endpoints.find(session, after=after, most=4):
        found += page
        after = page[-1]["endpoint_id"]
    assert [row["endpoint_id"] for row in found] == ids
    last = [(row["last_status"], row["last_outcome"], row["last_reason"]) for row in found[:3]]
    assert last == [(503, "retrying", None), (None, "retrying", "timeout"), (None, None, None)]
    assert [row["endpoint_id"] for row in await endpoints.find(session, tenant="a", states=["paused"])] == ids[:4:2]
    assert len(await endpoints.find(session, event_type="order.paid.late")) == 9
    assert not await endpoints.find(session, event_type="orders")


FILL = """
insert into webhooks.endpoints (url) select 'https://example.com/' || n from generate_series(1, 200) n;
insert into webhooks.attempts (delivery_id, event_id, endpoint_id, attempt, at, duration_ms, outcome)
select n, gen_random_uuid(), n % 200, 1, now() - n * interval '1 ms', 1, 'delivered' from generate_series(1, 30000) n;
insert into webhooks.deliveries (event_id, endpoint_id)
select gen_random_uuid(), n % 200 from generate_series(1, 5000) n;
analyze webhooks.attempts, webhooks.deliveries, webhooks.endpoints;
"""
CALLS = {
    "all": "null, null, null, null, null, null, null, null, 100, 50",
    "on": "null, null, null, '{dead}', null, null, now(), 7, 100, 50",
    "endpoint": "null, 7, null, null, null, null, null, null, 100, 50",
}


@pytest.mark.parametrize("mode", ["force_generic_plan", "force_custom_plan"])
async def test_a_page_of_deliveries_reads_no_day_of_attempts(db, mode):
    await db.execute(FILL)
    kinds = "text, int8, text, text[], timestamptz, timestamptz, timestamptz, int8, int4, int4, int4"
    await db.execute(f"set plan_cache_mode = {mode}")
    await db.execute(f"prepare listing ({kinds}) as {sql('list_deliveries')}")
    for call in CALLS.values():
        rows = await db.fetch(f"explain (analyze, costs off, timing off, summary off) execute listing ({call}, 200)")
        nodes = "\n".join(row[0] for row in rows).split("->")
        scans = [node for node in nodes if node.startswith("  Seq Scan on attempts")]
        read = [int(number) for node in scans for number in re.findall(r"(?:rows=|Filter: )(\d+)", node)]
        assert max(read, default=0) < 100, "\n".join(scans)
