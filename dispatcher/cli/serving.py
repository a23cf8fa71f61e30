"""One dispatcher in the foreground: the log, the signals, the event loop."""

import asyncio
import os
import resource
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Never

import structlog
import typer
import uvloop

from dispatcher.cli.database import reachable
from dispatcher.cli.files import needed
from dispatcher.cli.instants import written
from dispatcher.config import Settings, load
from dispatcher.daemon import Adoption, Dispatcher
from dispatcher.errors import ConfigError, DispatcherError
from dispatcher.observe.log import configure
from dispatcher.observe.systemd import Systemd
from dispatcher.observe.writer import Writer
from dispatcher.store.migrate import migrate

SIGNALS = (signal.SIGTERM, signal.SIGINT)

log = structlog.get_logger()


def adoption(*, adopt: bool, discard_before: str | None) -> Adoption | None:
    """What the options say. Raises `ConfigError` for an instant that is none, or lies ahead."""
    if discard_before is None:
        return Adoption() if adopt else None
    if not adopt:
        raise ConfigError("--discard-before goes with --adopt: it drops what the original of a copy sends itself")
    instant = written(discard_before)
    if instant is None or instant.tzinfo is None or instant > datetime.now(UTC):
        raise ConfigError(
            f"--discard-before is {discard_before!r}: it must be a past instant "
            "with its offset, such as 2026-11-21T05:00:00Z"
        )
    return Adoption(instant)


def serve(config: Path | None, adoption: Adoption | None = None) -> None:
    """Run until told to stop. Raises what `load` and `Dispatcher.run` raise; a bug is logged and exits with 1."""
    leave_when_told()
    systemd = Systemd.of(os.environ)
    settings = load(config, os.environ)
    writer = configure(settings.log.format, settings.log.level)
    _allow_files(settings)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # Until the loop listens: what has just been read is not old yet.
    with reachable(settings) as database, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            if database is not settings:
                _say_embedded(settings, database)
                runner.run(_migrate(database))
            dsn = database.database.dsn if database is not settings else None
            runner.run(_serve(database, writer, lambda: _reread(config, dsn), systemd, adoption))
        except BaseExceptionGroup as group:
            raise foreseen_of(group) from None
        except DispatcherError:
            raise
        except Exception as error:
            log.exception("dispatcher.crashed")
            raise typer.Exit(1) from error


def leave_when_told() -> None:
    """Until the loop has its own handlers there is nothing to finish: leave, and close what is open on the way."""

    def leave(_number: int, _frame: FrameType | None) -> Never:
        sys.exit(0)

    for number in SIGNALS:
        signal.signal(number, leave)


def _allow_files(settings: Settings) -> None:
    """Take all the descriptors we may have: the usual soft limit, 1,024, is less than the requests in flight."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    may, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if resource.RLIM_INFINITY != may < needed(settings):
        log.warning("files.limited", limit=may, needed=needed(settings), note="raise it, or lower dispatch.max_slow")


def foreseen_of(group: BaseExceptionGroup[BaseException]) -> Exception:
    """What there is to say of a group: its first foreseen error; else it is a bug, which is logged."""
    foreseen, bugs = group.split(DispatcherError)
    if bugs is not None:
        log.error("dispatcher.crashed", exc_info=bugs)
        return typer.Exit(1)
    error: BaseException | None = foreseen
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error if isinstance(error, Exception) else typer.Exit(1)


def _reread(config: Path | None, private_dsn: str | None) -> Settings:
    """The configuration as it is now; a private Postgres goes on for as long as we do."""
    settings = load(config, os.environ)
    _allow_files(settings)
    if private_dsn is None:
        return settings
    return settings.model_copy(update={"database": settings.database.model_copy(update={"dsn": private_dsn})})


async def _serve(
    settings: Settings, writer: Writer, reread: Callable[[], Settings], systemd: Systemd, adoption: Adoption | None
) -> None:
    stopping = asyncio.Event()
    dispatcher = Dispatcher(settings, systemd=systemd, reread=reread, adoption=adoption)

    def stop() -> None:
        if stopping.is_set():
            _abandon(writer)
        stopping.set()

    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, stop)
    loop.add_signal_handler(signal.SIGHUP, dispatcher.reload)
    await dispatcher.run(stopping)


def _abandon(writer: Writer) -> Never:
    """Leave without another word to anybody: what was in flight is sent again."""
    log.warning("dispatcher.abandoned", note="what was in flight is sent again")
    writer.close()
    os._exit(1)


async def _migrate(settings: Settings) -> None:
    report = await migrate(settings.database.dsn)
    log.info("database.migrated", migrations=len(report.applied))


def _say_embedded(settings: Settings, database: Settings) -> None:
    kept = settings.database.dsn.partition(":")[2]
    log.warning(
        "database.embedded",
        dsn=database.database.dsn,
        folder=kept or None,
        note="a private Postgres for trying things out, never for production"
        + ("" if kept else "; it is removed at the end"),
    )
