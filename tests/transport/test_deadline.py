"""One deadline for everything, from the first lookup to the last byte."""

import asyncio
import time

import pytest

from dispatcher.model import NoReply, Reason, Reply
from dispatcher.transport import sender as module
from tests.support.dns import naming
from tests.support.wire import receiving, saying, silence
from tests.transport.conftest import a_request

DEADLINE_S = 0.4
LATE_S = 0.4
# uvloop counts in whole milliseconds, so its timers may ring up to one too soon.
EARLY_S = 0.001

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 10000000000\r\n\r\n"


class Stopwatch:
    def __enter__(self):
        self._started = time.monotonic()
        return self

    def __exit__(self, *_):
        self.seconds = time.monotonic() - self._started


def endlessly(first: bytes, again: bytes, every_s: float = 0.02):
    async def talk(line):
        await line.request()
        await line.say(first)
        left = asyncio.ensure_future(line.until_left())
        try:
            while not left.done():
                await line.say(again)
                # The pace of a dripping receiver is its behaviour, not a wait of the test.
                await asyncio.wait([left], timeout=every_s)
        finally:
            left.cancel()

    return talk


async def never_reading(line):
    line.writer.transport.pause_reading()
    await line.receiver.left.wait()


@pytest.mark.parametrize(
    "talk",
    [
        pytest.param(silence(), id="silence"),
        pytest.param(saying(b"HTTP/1.1 200 OK\r\nx"), id="half a head"),
        pytest.param(saying(b"HTTP/1.1 100 Continue\r\n\r\n"), id="nothing after an interim reply"),
        pytest.param(never_reading, id="never reads the request"),
    ],
)
async def test_a_receiver_without_an_answer_has_until_the_deadline(post, talk):
    async with receiving(talk) as receiver:
        with Stopwatch() as watch:
            answer = await post(receiver.url(), DEADLINE_S, body=b"x" * 1_000_000)
    assert answer == NoReply(Reason.TIMEOUT, "no reply within the deadline")
    assert DEADLINE_S - EARLY_S <= watch.seconds < DEADLINE_S + LATE_S


async def test_dripping_a_head_gains_no_time(post):
    async with receiving(endlessly(b"HTTP/1.1 200 OK\r\nx: ", b"y")) as receiver:
        with Stopwatch() as watch:
            answer = await post(receiver.url(), DEADLINE_S)
    assert answer.reason is Reason.TIMEOUT
    assert DEADLINE_S - EARLY_S <= watch.seconds < DEADLINE_S + LATE_S


async def test_a_silent_name_server_counts_against_the_deadline(loopback):
    async with naming({"receiver.test": None}) as names, module.Sender(loopback, nameservers=[names.at]) as sender:
        with Stopwatch() as watch:
            answer = await sender.post(a_request("http://receiver.test/"), DEADLINE_S)
    assert answer.reason is Reason.TIMEOUT
    assert DEADLINE_S - EARLY_S <= watch.seconds < DEADLINE_S + LATE_S


async def test_a_body_that_stalls_changes_nothing_and_ends_with_the_deadline(post):
    async with receiving(saying(HEAD, b"begun")) as receiver:
        with Stopwatch() as watch:
            answer = await post(receiver.url(), DEADLINE_S)
        await receiver.left.wait()
    assert answer == Reply(200, body=b"begun")
    assert watch.seconds < DEADLINE_S + LATE_S


async def test_a_body_that_drips_has_a_small_budget_of_its_own(post, monkeypatch):
    monkeypatch.setattr(module, "BODY_S", DEADLINE_S)
    async with receiving(endlessly(HEAD, b"y")) as receiver:
        with Stopwatch() as watch:
            answer = await post(receiver.url(), 30)
    assert answer.status == 200
    assert set(answer.body) == set(b"y")
    assert DEADLINE_S - EARLY_S <= watch.seconds < DEADLINE_S + LATE_S


@pytest.mark.parametrize("said", [b"", HEAD], ids=["before the head", "in the body"])
async def test_cancelling_passes_through_and_closes_the_connection(post, said):
    async def talk(line):
        await line.request()
        await line.say(said)
        asked.set()
        await line.until_left()

    asked = asyncio.Event()
    async with receiving(talk) as receiver:
        task = asyncio.create_task(post(receiver.url(), 30))
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await receiver.left.wait()
