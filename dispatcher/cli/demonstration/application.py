"""The application: subscribes its customers, inserts events in its own transactions, reads how it went. Plain SQL."""

from dataclasses import asdict, dataclass
from importlib.resources import files
from itertools import count

import asyncpg
import orjson

from dispatcher.cli.demonstration.receivers import Receiver

FOLDER = files("dispatcher.cli.demonstration") / "sql"
PLOT = ("order.created", "order.paid", "invoice.sent", "order.shipped", "customer.updated")


@dataclass(frozen=True)
class Sum:
    """How it stands. `dead`: every other ending; `unverified`: requests or deliveries without a good signature."""

    events: int
    deliveries: int
    delivered: int
    dead: int
    unverified: int

    @property
    def is_perfect(self) -> bool:
        return self.delivered == self.deliveries and not self.dead and not self.unverified

    @property
    def json(self) -> bytes:
        return orjson.dumps(asdict(self), option=orjson.OPT_APPEND_NEWLINE)


class Application:
    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self._numbers = count()

    async def subscribe(self, receiver: Receiver, url: str) -> tuple[int, str]:
        """The endpoint's id and secret."""
        row = await self._connection.fetchrow(_sql("subscribe"), url, list(receiver.types), receiver.name)
        if row is None:
            raise LookupError("subscribe returns one row")
        return row["endpoint_id"], row["secret"]

    async def sell(self) -> None:
        """One transaction with one event."""
        number = next(self._numbers)
        data = {"id": f"ord_{1000 + number // len(PLOT)}", "amount": 19.9 + number, "currency": "EUR"}
        async with self._connection.transaction():
            await self._connection.execute(_sql("insert_event"), PLOT[number % len(PLOT)], orjson.dumps(data).decode())

    async def is_settled(self) -> bool:
        return bool(await self._connection.fetchval(_sql("count_open")) == 0)

    async def sum_up(self, receivers: list[Receiver]) -> Sum:
        row = await self._connection.fetchrow(_sql("sum_up"))
        if row is None:
            raise LookupError("sum_up returns one row")
        refused = sum(receiver.unverified for receiver in receivers)
        unseen = row["delivered"] - sum(len(receiver.verified) for receiver in receivers)
        return Sum(**row, unverified=refused + max(unseen, 0))


def _sql(name: str) -> str:
    return (FOLDER / f"{name}.sql").read_text(encoding="utf-8")
