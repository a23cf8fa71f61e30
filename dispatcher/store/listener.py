"""The session that holds the work: its advisory lock says so, its LISTENs ring, its beat notices when it is lost."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import asyncpg
import structlog

from dispatcher.errors import ConfigError, DatabaseAway, SchemaError
from dispatcher.store import holder
from dispatcher.store.holder import Claimant, Other, Taken
from dispatcher.store.session import Login, Session, foreseen

TRY_S = 0.5
"""Between tries at the lock of another: a takeover within a second of the holder's death."""
BEAT_S = 5.0
"""Between beats. A network that is lost in silence is found by the first beat without an answer in time."""
BEAT_TIMEOUT_S = 3.0
HEARD_S = BEAT_S + BEAT_TIMEOUT_S + 2 * TRY_S
"""How long an answer counts. The server gives up a silent session after 15 s: not before we have."""
NAMED_S = 5.0
"""Between looks at who holds the work while we stand by."""

log = structlog.get_logger()


class Listener:
    """One dispatcher holds the work. Postgres gives the lock up with the session, also when we die by kill -9.

    `fit` sees whether this database is one to work with, on each new session, and raises what is wrong. `lost` is told
    of a loss, and whether it came in silence: then no other session can be believed either. `adopt`, where given,
    runs before the work is taken, the lock being ours; `prepare` once it is. `taken` runs before anything may start,
    and must not wait.
    """

    def __init__(
        self,
        login: Login,
        who: Claimant,
        bells: Mapping[str, Callable[[], None]],
        *,
        fit: Callable[[Session], Awaitable[None]],
        lost: Callable[[bool], None],
        prepare: Callable[[Session], Awaitable[None]],
        taken: Callable[[Taken], None],
        adopt: Callable[[Session], Awaitable[None]] | None = None,
    ) -> None:
        self.session = Session(login, f"standby {who.name}")
        self.who = who
        self._bells = bells
        self._fit = fit
        self._lost = lost
        self._taken = taken
        self._adopt = adopt
        self._prepare = prepare
        self._clock = asyncio.get_running_loop().time
        self._beat_at = 0.0
        self._named_at = 0.0
        self._is_fit = self._is_beating = False
        self._connection: object = None
        self._has = False
        self._heard_at = 0.0
        self.epoch = -1
        self.beats = 0
        """Answered ones."""
        self.other: Other | None = None

    def __repr__(self) -> str:
        return f"<Listener {'holds the work' if self.holds else 'does not hold the work'}>"

    @property
    def holds(self) -> bool:
        """Whether the work is ours, as far as anybody has told us, and somebody has lately.

        A process that stood still wakes up with all its work, and reads only later that another has taken it.
        """
        return self._has and self._clock() < self._heard_at + HEARD_S

    async def step(self) -> int:
        """Try to take the work, or beat. Returns 0: the next look is a moment later.

        Raises `DatabaseAway`; `ConfigError` and `SchemaError` for what waiting does not cure.
        """
        if not self._has:
            await self._try()
        elif self._clock() >= self._beat_at:
            await self._beat()
        return 0

    def doubt(self) -> None:
        """A stage has lost its own session: the next step beats."""
        self._beat_at = 0.0

    async def _try(self) -> None:
        try:
            if not (self._is_fit and self.session.is_open):
                await self._fit(self.session)
                await holder.refuse_read_only(self.session)
                self._is_fit = True
            if not await holder.take_lock(self.session):
                await self._stand_by()
                return
            if self._adopt is not None:
                await self._adopt(self.session)
            await self._listen()
            taken = await holder.take_work(self.session, self.who)
            await self._prepare(self.session)
        except BaseException:
            self._is_fit = False
            self.session.drop()  # and the lock with it, if it was ours already
            raise
        self._begin(taken)

    async def _stand_by(self) -> None:
        if self.other is not None and self._clock() < self._named_at:
            return
        await holder.refuse_another(self.session, self.who)
        other = await holder.name_other(self.session)
        if other.pid == 0:
            return
        if self.other is None or self.other.application != other.application:
            log.info("work.awaited", holder=str(other))
        self.other, self._named_at = other, self._clock() + NAMED_S

    async def _listen(self) -> None:
        connection = self._connection = await self.session.connection()
        with foreseen():
            connection.add_termination_listener(self._terminated)
            for channel in self._bells:
                await connection.add_listener(channel, self._rung)

    def _begin(self, taken: Taken) -> None:
        kept = taken.epoch_before == self.epoch
        # No await from here on: nothing may start on what was known before another one could have had the work.
        self._taken(taken)
        self._has, self.epoch, self.other = True, taken.epoch, None
        self._heard_at = self._clock()
        self._beat_at = self._heard_at + BEAT_S
        if kept:
            log.info("listener.returned", epoch=taken.epoch)
        else:
            log.info("work.taken", epoch=taken.epoch, former_left=not taken.may_live)
        for ring in self._bells.values():
            ring()  # Whatever was rung while nobody listened.

    def _rung(self, _connection: object, _pid: int, channel: str, _payload: object) -> None:
        self._bells[channel]()

    def _terminated(self, connection: object) -> None:
        # A beat that finds no answer ends the connection itself, and then says what was found.
        if connection is self._connection and not self._is_beating:
            self._lose("its connection ended", silently=False)

    def _lose(self, note: str, *, silently: bool) -> None:
        if self._has:
            self._has = self._is_fit = False
            log.warning("listener.lost", note=note)
            self._lost(silently)

    async def _beat(self) -> None:
        if not self.session.is_open:
            # Its end has not been told yet; a beat would only open another session, without lock and LISTENs.
            self._give_up("its connection ended", silently=False)
            return
        self._beat_at, self._is_beating = self._clock() + BEAT_S, True
        try:
            async with asyncio.timeout(BEAT_TIMEOUT_S):
                lost = await holder.look_lost(self.session, self.epoch)
        except TimeoutError:
            self._give_up(f"no answer within {BEAT_TIMEOUT_S:g} s", silently=True)
        except (DatabaseAway, ConfigError, SchemaError) as error:
            self._give_up(str(error), silently=False)
        else:
            self._heard_at = self._clock()
            if lost:
                self._give_up(lost, silently=False)
            else:
                self.beats += 1
        finally:
            self._is_beating = False

    def _give_up(self, note: str, *, silently: bool) -> None:
        self._lose(note, silently=silently)
        self.session.drop()  # Taken again at the next step; why that fails, if it does, is what there is to say.

    async def close(self, *, in_order: bool) -> None:
        """Give the work up. `in_order`: nothing of ours is under way any more, so that nobody need wait for it."""
        held, self._has = self._has, False
        try:
            async with asyncio.timeout(BEAT_TIMEOUT_S):
                if held and in_order:
                    await holder.leave_work(self.session, self.epoch)
                connection = await self.session.connection() if held and self.session.is_open else None
                if isinstance(connection, asyncpg.Connection):
                    for channel in self._bells:
                        with foreseen():
                            await connection.remove_listener(channel, self._rung)
        except (DatabaseAway, ConfigError, SchemaError, TimeoutError):
            self.session.drop()
        await self.session.close()
