import asyncio

from dispatcher.pipeline.lanes import Lanes
from dispatcher.pipeline.workers import Workers
from dispatcher.policy.breaker import Breaker
from dispatcher.policy.lane import Lane
from dispatcher.policy.pool import Pool
from tests.support.eventually import eventually
from tests.support.factories import an_endpoint


async def test_the_timer_may_be_asked_for_the_present_instant_again_and_again():
    clock = asyncio.get_running_loop().time
    lanes, rung = Lanes(Pool(1, 1), clock), []
    lane = Lane(an_endpoint(), Breaker())
    lanes.add(lane)
    async with asyncio.TaskGroup() as tasks:
        workers = Workers(
            tasks, lanes, deliver=None, settle=None, may_start=lambda: False, note=None, hungry=lambda: rung.append(1)
        )
        lane.expect(clock() + 0.0004, clock())
        lanes.touch(lane)
        workers.pump()
        lane.next_due = clock() + 0.0002
        lanes.touch(lane)
        workers.pump()
        await eventually(lambda: rung)
        await workers.drain(0)
        workers.pump()
