"""The play itself: who enters when, and how everybody leaves."""

import asyncio
import os
from contextlib import AsyncExitStack

import asyncpg
import typer
import uvloop

from dispatcher.cli.demonstration.application import Application, Sum
from dispatcher.cli.demonstration.audience import Audience, Eyes, Program
from dispatcher.cli.demonstration.receivers import Receiver, Stage, cast
from dispatcher.cli.serving import SIGNALS, foreseen_of, leave_when_told
from dispatcher.cli.verification import Verifier
from dispatcher.config import Settings
from dispatcher.daemon import Dispatcher
from dispatcher.embedded import EmbeddedPostgres
from dispatcher.observe.log import send
from dispatcher.store.migrate import migrate

ONCE_EVENTS = 15
ONCE_S = 60.0
"""A demonstration that is not over by then has failed; it takes about five seconds."""
LOOK_S = 0.1


def demonstrate(*, once: bool, as_json: bool, rate: float) -> None:
    """Play once through, or until told to stop. Exits with 1 unless everything was delivered and verified."""
    leave_when_told()
    gone = asyncio.Event()
    audience: Audience = (Program if as_json else Eyes)(gone, endless=not once)
    with EmbeddedPostgres(fast=True) as server, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        send(audience.attend, "info")
        try:
            total = runner.run(_play(server.dsn, audience, gone, once=once, rate=rate))
        except BaseExceptionGroup as group:
            raise foreseen_of(group) from None
    audience.close(total)
    if once and not total.is_perfect:
        raise typer.Exit(1)


async def _play(dsn: str, audience: Audience, stopping: asyncio.Event, *, once: bool, rate: float) -> Sum:
    _stop_when_told(stopping)
    receivers = cast()
    await migrate(dsn)
    async with AsyncExitStack() as stack:
        stage = await stack.enter_async_context(Stage(receivers))
        connection = await asyncpg.connect(dsn)
        stack.push_async_callback(connection.close, timeout=2)
        application = Application(connection)
        audience.open(dsn, await _introduce(application, receivers, stage))
        async with asyncio.TaskGroup() as tasks:
            working = asyncio.Event()
            running = tasks.create_task(Dispatcher(_settings(dsn)).run(stopping, started=working.set))
            running.add_done_callback(lambda _: working.set())  # told to stop before it had begun
            await working.wait()
            await (_act_once(application, stopping) if once else _act_on(application, stopping, rate))
            stopping.set()
        return await application.sum_up(receivers)


async def _introduce(application: Application, receivers: list[Receiver], stage: Stage) -> dict[int, Receiver]:
    known = {}
    for receiver in receivers:
        endpoint_id, secret = await application.subscribe(receiver, stage.url(receiver))
        receiver.verifier = Verifier([secret])
        known[endpoint_id] = receiver
    return known


async def _act_once(application: Application, stopping: asyncio.Event) -> None:
    for _ in range(ONCE_EVENTS):
        await application.sell()
    ends_at = asyncio.get_running_loop().time() + ONCE_S
    while not (stopping.is_set() or await application.is_settled() or asyncio.get_running_loop().time() > ends_at):
        await _pause(stopping, LOOK_S)


async def _act_on(application: Application, stopping: asyncio.Event, rate: float) -> None:
    while not stopping.is_set():
        await application.sell()
        await _pause(stopping, 1 / rate)


async def _pause(stopping: asyncio.Event, at_most_s: float) -> None:
    try:
        async with asyncio.timeout(at_most_s):
            await stopping.wait()
    except TimeoutError:
        return


def _stop_when_told(stopping: asyncio.Event) -> None:
    def stop() -> None:
        if stopping.is_set():
            os._exit(1)  # Postgres ends with us, and its supervisor removes what is there.
        stopping.set()

    for number in SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, stop)


def _settings(dsn: str) -> Settings:
    """Loopback is allowed, retries come within seconds, failing at every event parks nobody; there is no API."""
    return Settings.model_validate(
        {
            "database": {"dsn": dsn},
            "egress": {"allow_http": True, "allow_networks": ["127.0.0.0/8"]},
            "endpoint": {"backoff_base_s": 0.6, "backoff_factor": 2, "backoff_cap_s": 5},
            "breaker": {"park_after": 10_000},
            "admin": {"listen": ""},
        }
    )
