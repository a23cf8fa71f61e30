"""A request's body: bounded in size and in time."""

import asyncio

from aiohttp import web

from dispatcher.admin.guard import values
from dispatcher.admin.problems import Problem

LARGEST = 2_200_000
"""An event of 1,000,000 bytes, and what stands around it."""
BODY_S = 10.0
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


async def read(request: web.BaseRequest, within_s: float = BODY_S) -> bytes:
    """Raises `Problem`: too large, too slow, or not what was announced."""
    too_large = Problem("too-large", f"a body has at most {LARGEST:,} bytes", closes=True)
    if (request.content_length or 0) > LARGEST:
        raise too_large
    try:
        async with asyncio.timeout(within_s):
            if values(request.raw_headers, b"expect"):
                await _go_on(request)
            parts, size = [], 0
            async for part in request.content.iter_any():
                size += len(part)
                if size > LARGEST:
                    raise too_large
                parts.append(part)
            return b"".join(parts)
    except TimeoutError:
        raise Problem("too-slow", f"the body was not there within {within_s:g} s", closes=True) from None
    except (web.RequestPayloadError, ConnectionError):
        raise Problem("malformed", "the body is not what its headers announced", closes=True) from None


async def _go_on(request: web.BaseRequest) -> None:
    """curl waits for this before it sends a larger body."""
    if values(request.raw_headers, b"expect")[0].lower() != "100-continue":
        raise Problem("malformed", "of Expect only 100-continue is known", closes=True)
    await request.writer.write(CONTINUE)
    # Else the library takes it for the beginning of the reply, and could not say that something went wrong.
    request.writer.output_size = 0
