"""Deliveries of more endpoints than one page looks at: still each once, in their order."""

import pytest

from dispatcher.store import deliveries
from dispatcher.store.deliveries import Wanted
from dispatcher.store.session import Login, Session

FILL = """
with made as (
  insert into webhooks.endpoints (tenant, url) select 't' || n % 2, 'https://example.com/' || n
    from generate_series(1, 450) n
  returning id
)
insert into webhooks.attempts (delivery_id, event_id, endpoint_id, attempt, at, duration_ms, status, outcome, reason)
select m.id * 10 + k, webhooks.uuidv7(), m.id, 1,
       date_trunc('second', now()) - (m.id * 7919 % 1000 + k * 40) * interval '1 s', 5,
       case k when 1 then 200 else 500 end, case k when 1 then 'delivered' else 'dead' end,
       case k when 1 then null else 'http_500' end
  from made m, generate_series(1, 3) k
"""
WAITING = """
insert into webhooks.deliveries (id, event_id, endpoint_id, due_at, attempts)
select e.id * 10 + 5, webhooks.uuidv7(), e.id, now() - (e.id % 50) * interval '1 min', 0
  from webhooks.endpoints e where e.id % 3 = 0
"""


@pytest.fixture
async def session(database):
    session = Session(Login(database.dsn), "test")
    yield session
    await session.close()


@pytest.mark.parametrize("given", [{}, {"states": ["dead"]}, {"states": ["pending"]}], ids=str)
async def test_each_is_listed_once_latest_first(db, session, given):
    await db.execute(FILL)
    await db.execute(WAITING)
    wanted, found, before = Wanted(**given), [], None
    while True:
        page = await deliveries.find(session, wanted, before=before, most=50)
        found += [(row["at"], row["delivery_id"]) for row in page.rows]
        if (before := page.last) is None:
            break
    seen = await db.fetch(
        "select coalesce(last_at, due_at) as at, delivery_id from webhooks.delivery_status "
        "where $1::text[] is null or state = any ($1) order by 1 desc, 2 desc",
        wanted.states,
    )
    assert found == [tuple(row) for row in seen]
