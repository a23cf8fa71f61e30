"""Several statements as one: all of them happen, or none."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from dispatcher.errors import DatabaseAway
from dispatcher.store.session import Session, foreseen


class Inside(Session):
    """A session within a transaction: it ends with its connection, and nothing is said again on another."""

    def __init__(self, outer: Session, connection: asyncpg.Connection) -> None:
        super().__init__(outer._login, outer._name, outer._answered)  # noqa: SLF001 one of its own kind
        self._connection = connection
        self._prepared = outer._prepared  # noqa: SLF001 what is prepared stays so

    async def connection(self) -> asyncpg.Connection:
        if not self.is_open or self._connection is None:
            raise DatabaseAway("the connection was lost in the middle of a transaction")
        return self._connection


@asynccontextmanager
async def transaction(session: Session) -> AsyncIterator[Session]:
    """What is said on the session it gives happens as a whole when the block ends, or not at all if it raises.

    Others who want `session` wait meanwhile. Raises what `Session.fetch` raises.
    """
    async with session.alone() as connection:
        try:
            with foreseen():
                begun = connection.transaction()
                await begun.start()
            try:
                yield Inside(session, connection)
            except Exception:
                with foreseen():
                    if not connection.is_closed():
                        await begun.rollback()
                raise
            with foreseen():
                await begun.commit()
        except DatabaseAway:
            session.drop()
            raise
        except Exception:
            raise
        except BaseException:  # cancelled: nobody knows what the server still does for it
            session.drop()
            raise
