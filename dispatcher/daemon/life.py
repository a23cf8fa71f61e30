"""A dispatcher's life: start, hold the work or stand by, reload, drain."""

import asyncio
import os
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from socket import gethostname

import structlog

from dispatcher import __version__
from dispatcher.admin.listener import EVERY_S
from dispatcher.config import Settings
from dispatcher.daemon import telling
from dispatcher.daemon.door import Door
from dispatcher.daemon.reload import at_start, changed, changed_profiles, for_now
from dispatcher.daemon.senders import Senders
from dispatcher.daemon.sessions import Sessions
from dispatcher.daemon.stages import INTAKE, WRITING, Stages
from dispatcher.daemon.standing import Role, Standing
from dispatcher.daemon.telling import Pulse, Telling
from dispatcher.daemon.values import Rules
from dispatcher.errors import ConfigError, DispatcherError
from dispatcher.observe.log import set_level
from dispatcher.observe.systemd import Systemd
from dispatcher.pipeline.loop import Outage, Stall, keep
from dispatcher.pipeline.wakeup import Wakeup
from dispatcher.store import holder
from dispatcher.store.holder import Claimant, Taken
from dispatcher.store.listener import TRY_S, Listener
from dispatcher.store.migrate import refuse_unmigrated
from dispatcher.store.pooler import refuse_pooler
from dispatcher.store.session import Session

log = structlog.get_logger()

FLUSH_S = 10.0
DISCARD = 5000
"""Deliveries dropped per statement."""
KEYS_FILE = "secrets.keys_file"
"""Changed also where what is in it changed."""


@dataclass(frozen=True, slots=True)
class Adoption:
    """Make the database this installation's own, and drop what was made before `discard_before` in the original."""

    discard_before: datetime | None = None


class Dispatcher:
    """One running dispatcher. `run` returns when `stopping` is set and everything known is written.

    `reread` gives the settings anew; `reload` asks for that. Raises `ConfigError` and `SchemaError` for what waiting
    does not cure. Cancelled, it drops what it has: nothing is lost, the next one sends it again.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        systemd: Systemd | None = None,
        reread: Callable[[], Settings] | None = None,
        adoption: Adoption | None = None,
    ) -> None:
        self._rules = Rules.read(settings)
        self._reread = reread
        self._adoption = adoption
        self._clock = asyncio.get_running_loop().time
        self._pulse = Pulse(self._clock)
        self._sessions = Sessions(settings, self._pulse.progress)
        self._door = Door(self._rules, self._sessions, self._clock)
        self._outage = Outage(self._clock)
        self._telling = Telling(systemd or Systemd.of({}), self._standing, os.environ.get("RUNTIME_DIRECTORY"))
        self._bells = {name: Wakeup() for name in ("listen", "reload", "telling", "admin")}
        self._reload_asked = self._is_draining = False
        self._difference = ""
        self._stages: Stages
        self._listener: Listener
        self._started: Callable[[], None]

    def __repr__(self) -> str:
        return f"<Dispatcher {self._sessions!r}, {self._outage.note or 'no outage'}>"

    async def run(self, stopping: asyncio.Event, *, started: Callable[[], None] = lambda: None) -> None:
        """Until told to stop. `started` is called when the work is first ours."""
        self._started = started
        async with AsyncExitStack() as stack:
            stack.callback(self._telling.close)
            stack.push_async_callback(self._sessions.close)
            stack.push_async_callback(self._door.close)
            self._senders = await stack.enter_async_context(Senders(self._settings, self._clock))
            log.info("dispatcher.started", version=__version__, pid=os.getpid(), database=self._sessions.shown)
            async with asyncio.TaskGroup() as tasks:
                self._stages = Stages(
                    self._rules, self._sessions, self._senders.current, tasks, lambda: self._listener.holds
                )
                self._listener = self._listen()
                stack.push_async_callback(self._listener.session.close)
                loops = self._loops(tasks)
                await stopping.wait()
                await self._leave(loops)
            log.info("dispatcher.stopped", unsettled=len(self._stages.settle))

    def reload(self) -> None:
        """Read the configuration again, soon; if it is wrong, the old one stays."""
        self._reload_asked = True
        self._bells["reload"].ring()

    def _loops(self, tasks: asyncio.TaskGroup) -> dict[str, asyncio.Task[None]]:
        bells = self._stages.bells | self._bells
        steps = self._stages.steps() | {
            "listen": (self._listener.step, TRY_S),
            "reload": (self._reload, telling.EVERY_S),
            "telling": (self._telling.step, self._telling.every_s),
            "admin": (self._door.step, EVERY_S),
        }
        return {
            name: tasks.create_task(
                keep(self._pulse.watched(name, step), bells[name], idle_s, self._trouble(name)), name=name
            )
            for name, (step, idle_s) in steps.items()
        }

    def _trouble(self, name: str) -> Outage | Stall:
        """The listener's is the database's: its session is the one that has to be there."""
        return self._outage if name == "listen" else Stall(name, self._answers)

    def _answers(self) -> int | None:
        """How many beats were answered, None while the work is lost; and the next one is asked for at once."""
        if not self._listener.holds:
            return None
        self._listener.doubt()
        self._bells["listen"].ring()
        return self._listener.beats

    def _listen(self) -> Listener:
        dispatch, name = self._settings.dispatch, f"pid {os.getpid()} on {gethostname()}"
        events_days = self._settings.retention.events_days
        return Listener(
            self._sessions.holding(),
            Claimant(name, __version__, dispatch.installation, events_days, self._adoption is not None),
            {
                "webhooks_inbox": self._stages.bells["fanout"].ring,
                "webhooks_changed": self._stages.bells["changes"].ring,
            },
            fit=self._fit,
            lost=self._lost,
            taken=self._taken,
            prepare=self._stages.mirror.begin,
            adopt=self._adopt if self._adoption is not None else None,
        )

    async def _fit(self, session: Session) -> None:
        await refuse_pooler(self._sessions.holding())
        difference = await refuse_unmigrated(session)
        if difference != self._difference:
            self._difference = difference
            if difference:
                log.warning("schema.differed", note=difference)

    def _lost(self, silently: bool) -> None:  # noqa: FBT001 the listener's word
        self._stages.settle.catch_up()
        if silently:
            self._sessions.drop()
        self._bells["listen"].ring()

    def _taken(self, taken: Taken) -> None:
        if taken.adopted_from is not None:
            ours = self._settings.dispatch.installation
            log.warning("installation.adopted", installation=ours, was=taken.adopted_from)
        cut_off = taken.may_live and taken.epoch_before != self._listener.epoch
        self._stages.begin(taken.epoch, other_may_live=cut_off)
        self._started()

    async def _adopt(self, session: Session) -> None:
        """Drop what the original has done: only where the database changes hands, or a restart would do it again."""
        theirs, ours = await session.value("read_installation"), self._settings.dispatch.installation
        instant = self._adoption.discard_before if self._adoption else None
        if instant is None or self._listener.epoch >= 0:
            return  # a reconnect is no adoption
        if theirs == ours:
            note = "the database is this installation's already: nothing is discarded"
            log.warning("delivery.spared", before=instant.isoformat(), note=note)
            return
        total = 0
        while discarded := await holder.discard_before(session, instant, DISCARD):
            total += discarded
            self._pulse.progress()
        log.warning("delivery.discarded", deliveries=total, before=instant.isoformat())

    async def _reload(self) -> int:
        if self._reload_asked and self._reread is not None:
            self._reload_asked = False
            self._telling.reloading()
            try:
                await self._apply(self._reread())
            except ConfigError as error:
                log.error("configuration.refused", problems=str(error).splitlines(), note="the old one stays")
            self._telling.reloaded()
        await self._senders.tidy()
        return 0

    async def _apply(self, new: Settings) -> None:
        old, later, all_changed = self._settings, at_start(self._settings, new), changed(self._settings, new)
        new = for_now(old, new)
        rules = Rules.read(new)  # First: nothing is applied of what cannot be applied as a whole.
        all_changed += changed_profiles(self._rules.profiles, rules.profiles)
        if rules.keyring != self._rules.keyring and KEYS_FILE not in all_changed:
            all_changed.append(KEYS_FILE)
        if new.egress != old.egress:
            self._stages.deliver.sender = await self._senders.replace(new)
        self._sessions.log_in_with(new)
        login = self._sessions.holding()
        self._listener.session.log_in_with(login.dsn, login.password_file)
        set_level(new.log.level)
        self._stages.apply(rules)
        self._door.apply(rules)
        self._bells["admin"].ring()
        log.info("configuration.reloaded", changed=all_changed, at_next_start=later)
        self._rules = rules

    @property
    def _settings(self) -> Settings:
        return self._rules.settings

    def _standing(self) -> Standing:
        lanes, note = self._stages.lanes, self._outage.note
        now = self._clock()
        return Standing(
            self._role(),
            note or None,
            str(self._listener.other) if self._listener.other else None,
            self._listener.epoch if self._listener.holds else None,
            lanes.pool.young + lanes.pool.old,
            len(self._stages.settle),
            sum(lane.parked_until > now for lane in lanes),
            self._pulse.stuck(),
        )

    def _role(self) -> Role:
        if self._is_draining:
            return "draining"
        if self._listener.holds:
            return "holder"
        return "standby" if self._listener.other is not None and not self._outage.note else "waiting"

    async def _leave(self, loops: dict[str, asyncio.Task[None]]) -> None:
        pool, drain_s = self._stages.lanes.pool, self._settings.dispatch.drain_s
        self._is_draining = True
        self._telling.stopping()
        self._bells["telling"].ring()
        log.info("dispatcher.draining", in_flight=pool.young + pool.old, drain_s=drain_s)
        await _cancel(*(loops.pop(name) for name in INTAKE))  # 1 no new work
        cut_off = await self._stages.workers.drain(drain_s)  # 2 finish what is in flight
        if cut_off:
            log.warning("attempt.cut_off", attempts=cut_off)
        await _cancel(*(loops.pop(name) for name in WRITING))
        await self._write_what_is_known()  # 3 every ending we know
        await _cancel(loops.pop("listen"))
        await self._listener.close(in_order=not cut_off)  # 4 the work, to whoever waits for it
        await _cancel(*loops.values())  # 5 lights out
        await self._door.close()  # 6 the door

    async def _write_what_is_known(self) -> None:
        try:
            await self._stages.settle.flush(FLUSH_S)
            async with asyncio.timeout(FLUSH_S):
                await self._stages.health.flush()
        except (DispatcherError, TimeoutError) as error:
            log.error("settlement.unwritten", settlements=len(self._stages.settle), note=str(error)[:200])


async def _cancel(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
