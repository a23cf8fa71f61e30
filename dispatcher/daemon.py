"""The house: opens everything, wires it, and leaves in the order water leaves a house. The only wiring."""

import asyncio
import os
import random
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace

import structlog

from dispatcher import __version__
from dispatcher.config import Settings
from dispatcher.errors import DatabaseAway, DispatcherError, HeldElsewhere
from dispatcher.model import Endpoint
from dispatcher.pipeline import days, discover
from dispatcher.pipeline.cancel import Cancel
from dispatcher.pipeline.changes import Changes
from dispatcher.pipeline.deliver import Deliver
from dispatcher.pipeline.directory import Defaults, Directory
from dispatcher.pipeline.fanout import Fanout
from dispatcher.pipeline.filters import TRY_S, Filters
from dispatcher.pipeline.health import Health
from dispatcher.pipeline.lanes import Lanes
from dispatcher.pipeline.loop import RECONNECT, Outage, Stall, keep
from dispatcher.pipeline.refill import Refill
from dispatcher.pipeline.settle import Settle
from dispatcher.pipeline.wakeup import Wakeup
from dispatcher.pipeline.workers import Workers
from dispatcher.policy.backoff import Backoff
from dispatcher.policy.breaker import Breaker
from dispatcher.policy.egress import Egress
from dispatcher.policy.pool import Pool
from dispatcher.policy.profiles import STANDARD
from dispatcher.policy.recipient import Recipient
from dispatcher.policy.verdict import Terms
from dispatcher.store.listener import BEAT_S, Listener
from dispatcher.store.migrate import refuse_unmigrated
from dispatcher.store.session import KEEPALIVE, PLANS, Login, Session
from dispatcher.transport.sender import Sender

log = structlog.get_logger()

HELD_TRIES, HELD_PAUSE_S = 4, 0.25
"""The backend of a dispatcher that was killed this instant may outlive it by a moment."""
FANOUT_S = "5s"
"""A fan-out takes milliseconds; a filter that makes it take longer must not stop the others for long."""
FANOUT_LOCK_S = "1s"
"""Well below FANOUT_S: what only waits for somebody's lock must not look like an event at fault."""
FLUSH_S = 10.0
LOCK_S = "100ms"
"""For a settle: what somebody's open transaction is on is written later, the rest at once."""

Step = Callable[[], Awaitable[int | None]]


class Dispatcher:
    """One running dispatcher. `run` returns when `stopping` is set and everything known is written.

    Raises `ConfigError` and `SchemaError` for what waiting does not cure, `HeldElsewhere` while another one has the
    work. Cancelled, it drops what it has: nothing is lost, the next one sends it again.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        database = settings.database
        self._login = Login(database.dsn, database.password_file)
        self._pinned = Login(
            database.dsn, database.password_file, {**PLANS, "synchronous_commit": database.synchronous_commit}
        )
        self._sessions: list[Session] = []
        # For what happens seldom: five connections in all, since a managed Postgres counts them.
        self._quiet = self._session("quiet")
        self._bells = {name: Wakeup() for name in STAGES}
        clock = asyncio.get_running_loop().time
        self._outage = Outage(clock)
        self._lanes = Lanes(Pool(settings.dispatch.max_in_flight, settings.dispatch.max_slow), clock)
        self._listener = Listener(
            replace(self._login, settings=KEEPALIVE),
            {"webhooks_inbox": self._bells["fanout"].ring, "webhooks_changed": self._bells["changes"].ring},
            lost=self._bells["listen"].ring,
            taken_again=self._doubt,
        )

    def __repr__(self) -> str:
        return f"<Dispatcher {self._listener!r}, {self._lanes!r}>"

    async def run(self, stopping: asyncio.Event, *, started: Callable[[], None] = lambda: None) -> None:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._close_sessions)
            if not await self._take_the_work(stopping):
                return
            stack.push_async_callback(self._listener.close)
            sender = await stack.enter_async_context(self._sender())
            log.info("dispatcher.started", version=__version__, pid=os.getpid(), database=self._login.shown)
            started()
            await self._dispatch(sender, stopping)
            log.info("dispatcher.stopped", unsettled=len(self._settle))

    async def _take_the_work(self, stopping: asyncio.Event) -> bool:
        """Wait for the database, refuse a schema that is not ours, become the holder. False: told to stop meanwhile."""
        failures = refused = 0
        while not stopping.is_set():
            try:
                await refuse_unmigrated(self._quiet)
                if holder := await self._listener.take():
                    refused += 1
                    if refused == HELD_TRIES:
                        raise HeldElsewhere(f"the work is held by another dispatcher ({holder}); stop that one first")
                    await _either(stopping, HELD_PAUSE_S)
                    continue
            except DatabaseAway as error:
                failures += 1
                self._outage.failed(error)
                await _either(stopping, RECONNECT.delay_s(failures, random.random()))  # noqa: S311 jitter, not a secret
                continue
            self._outage.over()
            return True
        return False

    async def _dispatch(self, sender: Sender, stopping: asyncio.Event) -> None:
        dispatch = self._settings.dispatch
        async with asyncio.TaskGroup() as tasks:
            stages = self._stages(tasks, sender)
            loops = {
                name: tasks.create_task(keep(step, self._bells[name], idle_s, self._trouble(name)), name=name)
                for name, (step, idle_s) in stages.items()
            }
            await stopping.wait()
            in_flight = self._lanes.pool.young + self._lanes.pool.old
            log.info("dispatcher.draining", in_flight=in_flight, drain_s=dispatch.drain_s)
            await _cancel(*(loops.pop(name) for name in INTAKE))  # 1 no new work
            cut_off = await self._workers.drain(dispatch.drain_s)  # 2 finish what is in flight
            if cut_off:
                log.warning("attempt.cut_off", attempts=cut_off)
            await _cancel(loops.pop("settle"), loops.pop("health"))
            await self._write_what_is_known()  # 3 every ending we know
            await _cancel(*loops.values())  # 4 lights out

    async def _write_what_is_known(self) -> None:
        try:
            await self._settle.flush(FLUSH_S)
            await self._health.flush()
        except (DispatcherError, TimeoutError) as error:
            log.error("settlement.unwritten", settlements=len(self._settle), note=str(error)[:200])

    def _stages(self, tasks: asyncio.TaskGroup, sender: Sender) -> dict[str, tuple[Step, float]]:
        """Every stage with its idle time, and the wires between them."""
        bells, lanes, settings = self._bells, self._lanes, self._settings
        directory = self._directory()
        self._health = Health(self._quiet, lanes, directory, bells["health"], bells["cancel"])
        self._settle = Settle(
            self._session("settle", lock_timeout=LOCK_S),
            lanes,
            bells["settle"],
            max_unsettled=settings.dispatch.max_unsettled,
            log_attempts=settings.log.attempts,
            pump=lambda: self._workers.pump(),  # noqa: PLW0108 the workers are made below
        )
        self._workers = workers = Workers(
            tasks,
            lanes,
            self._deliver(sender),
            settle=self._settle.note,
            may_start=lambda: self._listener.holds and self._settle.has_room(),
            note=self._health.note,
            hungry=bells["refill"].ring,
        )
        self._discover = scan = discover.Discover(self._quiet, lanes, directory)
        fanout = Fanout(
            self._session("fanout", statement_timeout=FANOUT_S, lock_timeout=FANOUT_LOCK_S),
            lanes,
            directory,
            Filters(self._session("filters", statement_timeout=TRY_S, lock_timeout=LOCK_S), lanes.clock),
            pump=workers.pump,
            lost=self._look_for_more,
        )
        refill = Refill(self._session("refill"), lanes, pump=workers.pump)
        self._changes = changes = Changes(self._quiet, lanes, directory, pump=workers.pump)
        poll_s = settings.dispatch.poll_s
        return {
            "fanout": (self._holding(fanout.step), poll_s),
            "refill": (self._holding(refill.step), poll_s),
            "changes": (self._holding(changes.step), poll_s),
            "discover": (self._holding(scan.step), discover.EVERY_S),
            "cancel": (self._holding(Cancel(self._quiet, lanes, directory).step), poll_s),
            "days": (days.Days(self._session("days")).step, days.EVERY_S),
            "listen": (self._listener.step, BEAT_S),
            "settle": (self._settle.step, poll_s),
            "health": (self._health.step, poll_s),
        }

    def _trouble(self, name: str) -> Outage | Stall:
        """The listener's is the database's: its session is the one that has to be there."""
        return self._outage if name == "listen" else Stall(name)

    def _look_for_more(self) -> None:
        """Something may have been made whose answer was lost."""
        self._discover.again()
        self._bells["discover"].ring()

    def _doubt(self) -> None:
        """The work was lost for a while, and another dispatcher may have had it: believe nothing from before."""
        self._lanes.doubt()
        self._changes.again()
        self._bells["changes"].ring()
        self._look_for_more()

    def _holding(self, step: Step) -> Step:
        """The step, while we hold the work; without it a stage finds nothing to do."""

        async def guarded() -> int | None:
            return await step() if self._listener.holds else None

        return guarded

    def _directory(self) -> Directory:
        endpoint, breaker = self._settings.endpoint, self._settings.breaker
        egress = self._egress()

        def recipient(of: Endpoint) -> Recipient:
            return Recipient(of, STANDARD, egress)

        return Directory(
            self._lanes,
            Defaults(endpoint.timeout_s, endpoint.max_in_flight, endpoint.max_attempts),
            Breaker(
                breaker.park_after,
                breaker.park_base_s,
                breaker.park_cap_s,
                disable_after_s=breaker.disable_after_h * 3600,
            ),
            recipient,
            note=lambda transition: self._health.note(transition),  # noqa: PLW0108 made from the directory
        )

    def _deliver(self, sender: Sender) -> Deliver:
        endpoint = self._settings.endpoint
        backoff = Backoff(endpoint.backoff_base_s, endpoint.backoff_factor, endpoint.backoff_cap_s, endpoint.jitter)
        terms = Terms(backoff, self._settings.dispatch.hold_days * 86400, self._settings.retention.replies)
        return Deliver(sender, terms, self._lanes.clock)

    def _egress(self) -> Egress:
        egress = self._settings.egress
        return Egress.of(
            allow_http=egress.allow_http,
            allow_networks=egress.allow_networks,
            allow_hosts=egress.allow_hosts,
            deny_networks=egress.deny_networks,
            deny_hosts=egress.deny_hosts,
            ports=egress.ports,
        )

    def _sender(self) -> Sender:
        return Sender(self._egress(), ca_file=self._settings.egress.ca_file)

    def _session(self, name: str, **parameters: str) -> Session:
        session = Session(replace(self._pinned, settings={**(self._pinned.settings or {}), **parameters}), name)
        self._sessions.append(session)
        return session

    async def _close_sessions(self) -> None:
        for session in self._sessions:
            await session.close()


INTAKE = ("fanout", "refill", "changes", "discover", "cancel", "days")
STAGES = (*INTAKE, "listen", "settle", "health")


async def _cancel(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def _either(event: asyncio.Event, at_most_s: float) -> None:
    try:
        async with asyncio.timeout(at_most_s):
            await event.wait()
    except TimeoutError:
        return
