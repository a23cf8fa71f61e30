"""What the operating system allows the process."""

import resource

from tests.support.daemon import daemon


async def test_it_takes_all_the_descriptors_it_may_have(database):
    async with daemon(database.dsn, under=("prlimit", "--nofile=1024:4000")) as running:
        assert resource.prlimit(running.process.pid, resource.RLIMIT_NOFILE) == (4000, 4000)
        assert not running.said("files.limited")


async def test_it_says_when_they_are_fewer_than_its_requests_need(database):
    async with daemon(database.dsn, under=("prlimit", "--nofile=1024:2000")) as running:
        line = await running.says("files.limited")
        assert (line["limit"], line["needed"]) == (2000, 512 + 2048 + 512 + 64)
