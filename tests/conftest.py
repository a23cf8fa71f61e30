import os
from asyncio import AbstractEventLoop
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack

import asyncpg
import hypothesis
import pytest
import uvloop

from tests.support.postgres import Cluster, Database, connected, in_memory, prepare, started
from tests.support.receiver import Receiver
from tests.support.tls import Authority

# How long an example takes says how busy the machine is.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], AbstractEventLoop]]:
    """The loop the product runs on: asyncio's own has kinder timers, and hid a crash."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="session")
def _server() -> Iterator[Cluster]:
    with ExitStack() as stack:
        with in_memory():
            cluster = stack.enter_context(started())
        yield cluster


@pytest.fixture(scope="session")
async def cluster(_server) -> Cluster:
    await prepare(_server)
    return _server


@pytest.fixture
async def database(cluster) -> AsyncIterator[Database]:
    """A migrated database of the test's own."""
    async with cluster.database() as database:
        yield database


@pytest.fixture
async def db(database) -> AsyncIterator[asyncpg.Connection]:
    """A connection to it as its owner."""
    async with connected(database.dsn) as connection:
        yield connection


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as receiver:
        yield receiver


@pytest.fixture(scope="session")
def authority(tmp_path_factory) -> Authority:
    """Who signs the certificates of receivers that speak https."""
    return Authority(tmp_path_factory.mktemp("authority"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if os.environ.get("CI") and terminalreporter.stats.get("skipped"):
        terminalreporter.write_line("a skip is a failure in CI", red=True)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter is not None and reporter.stats.get("skipped") and session.exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
