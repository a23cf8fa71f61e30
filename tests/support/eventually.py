"""Wait on facts."""

import asyncio
import inspect
import time
from collections.abc import Callable
from typing import Any


async def eventually(probe: Callable[[], Any], within: float = 30.0) -> Any:
    """Wait until `probe`, sync or async, returns something true, and return that; fail with what it last saw."""
    until, seen = time.monotonic() + within, None
    while True:
        try:
            seen = probe()
            if inspect.isawaitable(seen):
                seen = await seen
        except AssertionError as error:
            seen = error
        else:
            if seen:
                return seen
        if time.monotonic() > until:
            raise AssertionError(f"not within {within} s; last seen: {seen!r}")
        await asyncio.sleep(0.005)
