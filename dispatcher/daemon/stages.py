"""Every stage, and the wires between them."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from dispatcher.daemon import values
from dispatcher.daemon.sessions import Sessions
from dispatcher.daemon.values import Rules
from dispatcher.pipeline import days, discover, expire, mirror, rates, retention, vacuum
from dispatcher.pipeline.cancel import Cancel
from dispatcher.pipeline.changes import Changes
from dispatcher.pipeline.deliver import Deliver
from dispatcher.pipeline.directory import Directory
from dispatcher.pipeline.fanout import Fanout
from dispatcher.pipeline.filters import TRY_S, Filters
from dispatcher.pipeline.health import Health
from dispatcher.pipeline.lanes import Lanes
from dispatcher.pipeline.refill import Refill
from dispatcher.pipeline.seal import Seal
from dispatcher.pipeline.settle import Settle
from dispatcher.pipeline.wakeup import Wakeup
from dispatcher.pipeline.workers import Workers
from dispatcher.policy.pool import Pool
from dispatcher.transport.sender import Sender

FANOUT_S = "5s"
"""A fan-out takes milliseconds; a filter that makes it take longer must not stop the others for long."""
FANOUT_LOCK_S = "1s"
"""Well below FANOUT_S: what only waits for somebody's lock must not look like an event at fault."""
LOCK_S = "100ms"
"""For a settle: what somebody's open transaction is on is written later, the rest at once."""

INTAKE = (
    "fanout",
    "refill",
    "changes",
    "seal",
    "discover",
    "cancel",
    "mirror",
    "days",
    "expire",
    "rates",
    "retention",
    "vacuum",
)
"""What brings new work, or work that can wait: the first to stop."""
WRITING = ("settle", "health")

Step = Callable[[], Awaitable[int | None]]


class Stages:
    """`holds` says whether the work is ours: without it no stage but the writing ones takes a step."""

    def __init__(
        self, rules: Rules, sessions: Sessions, sender: Sender, tasks: asyncio.TaskGroup, holds: Callable[[], bool]
    ) -> None:
        self._settings = settings = rules.settings
        self._holds = holds
        self.bells = {name: Wakeup() for name in (*INTAKE, *WRITING)}
        dispatch, clock = settings.dispatch, asyncio.get_running_loop().time
        # For what happens seldom: a managed Postgres counts connections.
        quiet = sessions.open("quiet")
        self.lanes = lanes = Lanes(Pool(dispatch.max_in_flight, dispatch.max_slow), clock)
        self.directory = directory = Directory(
            lanes,
            (recipients := values.Recipients(rules)).defaults,
            values.breaker(settings),
            recipients,
            note=lambda transition: self.health.note(transition),  # noqa: PLW0108 made from the directory
        )
        self.health = Health(quiet, lanes, directory, self.bells["health"], self.bells["cancel"])
        self.settle = Settle(
            sessions.open("settle", lock_timeout=LOCK_S),
            lanes,
            self.bells["settle"],
            max_unsettled=dispatch.max_unsettled,
            log_attempts=settings.log.attempts,
            pump=lambda: self.workers.pump(),  # noqa: PLW0108 made below
        )
        self.deliver = Deliver(sender, values.terms(settings), clock)
        self.workers = workers = Workers(
            tasks,
            lanes,
            self.deliver,
            settle=self.settle.note,
            may_start=lambda: self._holds() and self.settle.has_room(),
            note=self.health.note,
            hungry=self.bells["refill"].ring,
        )
        self._discover = discover.Discover(quiet, lanes, directory, pump=workers.pump)
        self._seal = Seal(quiet, rules.keyring)
        self._changes = Changes(
            quiet, lanes, directory, pump=workers.pump, changed=self._look_at_secrets, lost=self._look_at_all_secrets
        )
        self._cancel = Cancel(quiet, lanes, directory)
        self._refill = Refill(sessions.open("refill"), lanes, pump=workers.pump)
        self.mirror = mirror.Mirror(quiet, rules.profiles)
        self._days = days.Days(sessions.upkeep("days"))
        self._expire = expire.Expire(quiet, lanes, hold_days=dispatch.hold_days)
        self._rates = rates.Rates(sessions.open("rates"))
        self._retention = retention.Retention(sessions.upkeep("retention"), values.keep(settings), clock)
        self._vacuum = vacuum.Vacuum(sessions.upkeep("vacuum"), quiet, clock)
        self._fanout = Fanout(
            sessions.open("fanout", statement_timeout=FANOUT_S, lock_timeout=FANOUT_LOCK_S),
            lanes,
            directory,
            Filters(sessions.open("filters", statement_timeout=TRY_S, lock_timeout=LOCK_S), clock),
            pump=workers.pump,
            lost=self._look_for_more,
        )

    def __repr__(self) -> str:
        return f"<Stages {self.lanes!r}, {self.settle!r}>"

    def steps(self) -> dict[str, tuple[Step, float]]:
        """Each stage's step, and how long it rests when it found nothing and nobody rings."""
        poll_s = self._settings.dispatch.poll_s
        return {
            "fanout": (self._holding(self._fanout.step), poll_s),
            "refill": (self._holding(self._refill.step), poll_s),
            "changes": (self._holding(self._changes.step), poll_s),
            "seal": (self._holding(self._seal.step), poll_s),
            "discover": (self._holding(self._discover.step), discover.EVERY_S),
            "cancel": (self._holding(self._cancel.step), poll_s),
            "mirror": (self._holding(self.mirror.step), mirror.EVERY_S),
            "days": (self._holding(self._days.step), days.EVERY_S),
            "expire": (self._holding(self._expire.step), expire.EVERY_S),
            "rates": (self._holding(self._rates.step), rates.EVERY_S),
            "retention": (self._holding(self._retention.step), retention.EVERY_S),
            "vacuum": (self._holding(self._vacuum.step), vacuum.EVERY_S),
            "settle": (self.settle.step, poll_s),
            "health": (self.health.step, poll_s),
        }

    def _holding(self, step: Step) -> Step:
        """The step, while we hold the work; without it a stage finds nothing to do."""

        async def guarded() -> int | None:
            return await step() if self._holds() else None

        return guarded

    def _look_for_more(self) -> None:
        """Something may have been made whose answer was lost."""
        self._discover.again()
        self.bells["discover"].ring()

    def _look_at_secrets(self, endpoint_ids: Iterable[int]) -> None:
        self._seal.note(endpoint_ids)
        self.bells["seal"].ring()

    def _look_at_all_secrets(self) -> None:
        self._seal.again()
        self.bells["seal"].ring()

    def begin(self, epoch: int, *, other_may_live: bool) -> None:
        """The work is ours. Another dispatcher may have had it meanwhile: believe nothing from before."""
        self.lanes.epoch = epoch
        self.settle.catch_up()
        if other_may_live:
            self.directory.taken_over()
        self.lanes.doubt()
        self._changes.again()
        self._look_for_more()
        for bell in self.bells.values():
            bell.ring()

    def apply(self, rules: Rules) -> None:
        """Go on with other settings: for what is sent, made and read from now on."""
        self._settings = settings = rules.settings
        dispatch = settings.dispatch
        self.lanes.pool.resize(dispatch.max_in_flight, dispatch.max_slow)
        self.settle.resize(dispatch.max_unsettled, settings.log.attempts)
        self._expire.keep_for(dispatch.hold_days)
        self._retention.keep = values.keep(settings)
        recipients = values.Recipients(rules)
        self.directory.believe(recipients.defaults, values.breaker(settings), recipients)
        self._seal.use(rules.keyring)
        self.mirror.profiles = rules.profiles
        self.bells["mirror"].ring()
        self._changes.again()
        self.bells["changes"].ring()
