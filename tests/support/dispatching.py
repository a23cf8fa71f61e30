"""A whole dispatcher in this process."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from dispatcher.config import Settings, load
from dispatcher.daemon import Dispatcher

QUICK = {
    "admin__listen": "",
    "egress__allow_http": "true",
    "egress__allow_networks": '["127.0.0.0/8"]',
    "endpoint__backoff_base_s": "0.05",
    "endpoint__backoff_factor": "1.5",
    "endpoint__jitter": "0",
    "dispatch__drain_s": "5",
    "breaker__park_base_s": "0.2",
}
"""A development set-up in which retries come at once."""

Running = Callable[..., AbstractAsyncContextManager[Dispatcher]]


def settings(dsn: str, **keys: object) -> Settings:
    """Settings for tests: `section__key=value` on top of QUICK."""
    given = {**QUICK, **{key: value if isinstance(value, str) else json.dumps(value) for key, value in keys.items()}}
    return load(None, {"DISPATCHER_DATABASE__DSN": dsn, **{f"DISPATCHER_{k.upper()}": v for k, v in given.items()}})


@asynccontextmanager
async def dispatching(dsn: str, **keys: object) -> AsyncIterator[Dispatcher]:
    """`async with dispatching(dsn, section__key=value):` it works; leaving drains it. A reload reads the same again."""
    stopping, started = asyncio.Event(), asyncio.Event()
    dispatcher = Dispatcher(settings(dsn, **keys), reread=lambda: settings(dsn, **keys))
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(dispatcher.run(stopping, started=started.set))
        task.add_done_callback(lambda _: started.set())
        await started.wait()
        try:
            yield dispatcher
        finally:
            stopping.set()
