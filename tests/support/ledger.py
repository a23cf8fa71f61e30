"""What was committed, what arrived, and whether the two agree: promises 1, 2 and 4, event by event."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import asyncpg

from tests.support.receiver import Received, Receiver
from tests.support.sql import all_settled, subscribe

TYPES = ("order.paid", "order.sent", "user.made")
INSERT = "insert into webhooks.events (type, data) values ($1, to_json($2::int))"
STORED = "select id, data::text::int as number, type from webhooks.events where type = any ($1)"
ATTEMPTS = """
select a.endpoint_id, e.data::text::int as number, count(a.attempt) as requests, count(distinct a.delivery_id) as
       deliveries, count(*) filter (where a.outcome in ('delivered', 'dead', 'cancelled', 'expired')) as final
  from webhooks.attempts a join webhooks.events e on e.id = a.event_id
 where e.type = any ($1)
 group by 1, 2
"""
PAUSE_S = 0.02
ANSWER_S = 2.0
ROLLED_BACK_EACH = 5
GONE = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)


@dataclass(frozen=True)
class Watched:
    """An endpoint of the ledger's, known by its path."""

    id: int
    path: str
    types: str
    ordered: bool
    at_once: int

    def matches(self, type_: str) -> bool:
        return self.types in {"{*}", f"{{{type_}}}", f"{{{type_.split('.', maxsplit=1)[0]}.*}}"}


@dataclass(frozen=True)
class Books:
    """What the database says, once nothing is open: events by number, and what was made of each at each endpoint."""

    events: dict[int, asyncpg.Record]
    attempts: dict[tuple[int, int], asyncpg.Record]


@dataclass
class Ledger:
    """Events are known by their number, which is their data. `maybe`: the answer to their commit was lost."""

    dsn: str
    receiver: Receiver
    endpoints: list[Watched] = field(default_factory=list)
    committed: set[int] = field(default_factory=set)
    rolled_back: set[int] = field(default_factory=set)
    maybe: set[int] = field(default_factory=set)
    pauses_s: float = PAUSE_S
    _last: int = 0

    # What was committed

    async def watch(self, db: asyncpg.Connection, path: str, types: str = "{*}", **settings: object) -> Watched:
        """Subscribe an endpoint whose arrivals are judged."""
        endpoint_id, _ = await subscribe(db, self.receiver.url(path), types, name=path, **settings)
        ordered = bool(settings.get("ordered"))
        watched = Watched(endpoint_id, path, types, ordered, 1 if ordered else int(settings.get("max_in_flight", 8)))
        self.endpoints.append(watched)
        return watched

    async def insert(self, db: asyncpg.Connection) -> None:
        """One more event; each fifth is rolled back."""
        self._last += 1
        number, type_ = self._last, TYPES[self._last % len(TYPES)]
        if number % ROLLED_BACK_EACH == 0:
            self.rolled_back.add(number)
            transaction = db.transaction()
            await transaction.start()
            await db.execute(INSERT, type_, number)
            await transaction.rollback()
        else:
            self.maybe.add(number)
            await db.execute(INSERT, type_, number)
            self.maybe.remove(number)
            self.committed.add(number)

    @asynccontextmanager
    async def producing(self) -> AsyncIterator[None]:
        """Insert steadily, over outages and all, for as long as the context lasts."""
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._produce(stop))
            try:
                yield
            finally:
                stop.set()

    async def _produce(self, stop: asyncio.Event) -> None:
        db: asyncpg.Connection | None = None
        try:
            while not stop.is_set():
                try:
                    db = db or await asyncpg.connect(self.dsn, timeout=ANSWER_S, command_timeout=ANSWER_S)
                    await self.insert(db)
                except GONE:
                    if db is not None:
                        db.terminate()
                    db = None
                with suppress(TimeoutError):
                    async with asyncio.timeout(self.pauses_s):
                        await stop.wait()
        finally:
            if db is not None:
                db.terminate()

    # Whether it arrived

    def arrivals(self, path: str) -> list[tuple[int, Received]]:
        """Number and request, in order; what is not of the ledger's types is nothing of its business."""
        told = [(json.loads(request.body), request) for request in self.receiver.at(path)]
        return [(body["data"], request) for body, request in told if body["type"] in TYPES]

    async def judge(self, db: asyncpg.Connection, *, duplicates: int = 0, crowded: bool = False) -> None:
        """Wait until nothing is open, and raise with what is wrong.

        `duplicates` are allowed; `crowded`: for a while two dispatchers may have sent at once.
        """
        await all_settled(db)
        books = Books(
            {row["number"]: row for row in await db.fetch(STORED, TYPES)},
            {(row["endpoint_id"], row["number"]): row for row in await db.fetch(ATTEMPTS, TYPES)},
        )
        twice = 0
        wrong = [*self._unlike_what_was_said(books)]
        for endpoint in self.endpoints:
            arrived = Counter(number for number, _ in self.arrivals(endpoint.path))
            wrong += [*self._amiss(endpoint, arrived, books), *self._out_of_turn(endpoint, crowded=crowded)]
            twice += self._repeated(endpoint, arrived, books)
        if twice > duplicates:
            wrong.append(f"{twice} requests too many, {duplicates} would be allowed")
        assert not wrong, f"{len(wrong)} wrong: " + "; ".join(wrong[:20])

    def _unlike_what_was_said(self, books: Books) -> Iterator[str]:
        """What the database owes us: else nothing that follows means anything."""
        assert self.committed, "nothing was ever committed"
        yield from (f"{number} was committed and is not there" for number in sorted(self.committed - set(books.events)))
        yield from (f"{number} was rolled back and is there" for number in sorted(self.rolled_back & set(books.events)))

    def _amiss(self, endpoint: Watched, arrived: Counter[int], books: Books) -> Iterator[str]:
        """Lost, never committed, under a wrong name, or without exactly one delivery and one ending."""
        due = {number for number, event in books.events.items() if endpoint.matches(event["type"])}
        yield from (f"{number} never arrived at {endpoint.path}" for number in sorted(due - set(arrived)))
        yield from (f"{number} arrived at {endpoint.path} unduly" for number in sorted(set(arrived) - due))
        for number, request in self.arrivals(endpoint.path):
            event = books.events.get(number)
            if event is not None and request.webhook_id != f"evt_{event['id'].hex}":
                yield f"{number} arrived at {endpoint.path} as {request.webhook_id}"
        for number in sorted(due):
            row = books.attempts.get((endpoint.id, number))
            if row is None or (row["deliveries"], row["final"]) != (1, 1):
                yield f"{number} has at {endpoint.path} the attempts {row and dict(row)}"

    def _repeated(self, endpoint: Watched, arrived: Counter[int], books: Books) -> int:
        """Requests beyond those that have an attempt row of their own."""
        of = books.attempts
        known = {number: of[endpoint.id, number]["requests"] for number in arrived if (endpoint.id, number) in of}
        return sum(max(0, count - max(1, known.get(number, 1))) for number, count in arrived.items())

    def _out_of_turn(self, endpoint: Watched, *, crowded: bool) -> Iterator[str]:
        """Too many at once; or not in the order of the commits, as far as that is known."""
        at_once = self.receiver.most_at_once[endpoint.path]
        if at_once > endpoint.at_once and (endpoint.ordered or not crowded):
            yield f"{at_once} requests at once at {endpoint.path}, which may have {endpoint.at_once}"
        if endpoint.ordered:
            firsts = dict.fromkeys(number for number, _ in self.arrivals(endpoint.path) if number in self.committed)
            late = [b for a, b in zip(firsts, list(firsts)[1:], strict=False) if b < a]
            yield from (f"{number} arrived at {endpoint.path} after a later one" for number in late)
