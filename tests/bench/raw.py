"""RAW: what everybody writes first. A bare aiohttp loop that signs and posts; no database, guard, deadline or log.

A process of its own: `python -m tests.bench.raw PORT REQUESTS URLS`; it prints requests per second at its best
concurrency, and the CPU of one request in µs, as JSON.
"""

import asyncio
import base64
import hashlib
import hmac
import itertools
import json
import sys
import time

import aiohttp
import uvloop

from tests.bench.stage import body_of

CONCURRENCY = (16, 32, 64, 128)
KEY = bytes(32)


async def post(session: aiohttp.ClientSession, url: str, number: int) -> None:
    body = b'{"type":"a.b","timestamp":"2024-03-05T10:30:00.000000Z","data":%s}' % body_of(number).encode()
    event_id, timestamp = f"evt_{number:032x}", str(int(time.time()))
    signed = b"%s.%s.%s" % (event_id.encode(), timestamp.encode(), body)
    signature = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
    headers = {
        "content-type": "application/json",
        "webhook-id": event_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{signature}",
    }
    async with session.post(url, data=body, headers=headers) as response:
        await response.read()


async def rate(port: int, requests: int, urls: int, concurrency: int) -> tuple[float, float]:
    numbers = iter(range(requests))
    places = itertools.cycle(f"http://127.0.0.1:{port}/{n}" for n in range(urls))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def work() -> None:
            for number in numbers:
                await post(session, next(places), number)

        began, busy = time.perf_counter(), time.process_time()
        await asyncio.gather(*(work() for _ in range(concurrency)))
        return requests / (time.perf_counter() - began), (time.process_time() - busy) / requests * 1e6


async def best(port: int, requests: int, urls: int) -> tuple[float, float]:
    return max([await rate(port, requests, urls, concurrency) for concurrency in CONCURRENCY])


if __name__ == "__main__":
    per_s, cpu_us = uvloop.run(best(*map(int, sys.argv[1:])))
    print(json.dumps({"per_s": per_s, "cpu_us": cpu_us}))
