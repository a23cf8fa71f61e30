"""Sets up the log. Everyone else says `log = structlog.get_logger()` and `log.info("noun.participled", key=value)`."""

import atexit
import logging
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import structlog

from dispatcher.observe import colours, lines
from dispatcher.observe.lines import Fields
from dispatcher.observe.writer import Writer

Format = Literal["auto", "json", "console"]
Level = Literal["debug", "info", "warning", "error"]

Sink = Callable[[str, str, Fields], None]
"""Takes an entry: its level, its event, its fields."""

RANKS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}

STDOUT = 1


def configure(format: Format, level: Level, *, fd: int = STDOUT) -> Writer:  # noqa: A002 the key in section `log`
    """Send the log to `fd`: a line of JSON per entry, or with "console" (and "auto" on a terminal) one for eyes.

    What is held when the process ends is written within a second, or lost. Returns the writer, for whoever ends
    in a way that runs no exit handlers.
    """
    render: Callable[[str, str, str, Fields], bytes] = lines.json
    if format == "console" or (format == "auto" and colours.is_terminal(fd)):
        render = partial(lines.console, paint=colours.paint() if colours.wanted(fd) else {})
    clock = lines.Clock()
    writer = Writer(fd, lambda lost: render(clock(), "warning", "log.dropped", {"lines": lost}))
    atexit.register(writer.close)
    send(lambda level, event, fields: writer.write(render(clock(), level, event, fields)), level)
    return writer


def send(sink: Sink, level: Level) -> None:
    """Hand every entry of at least `level` to `sink`. What that raises is swallowed: the log never stops the work."""
    set_level(level)
    structlog.configure(
        processors=[],
        wrapper_class=_logger_class(sink),
        logger_factory=structlog.ReturnLoggerFactory(),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[_Libraries()], level=logging.WARNING, force=True)


def set_level(level: Level) -> None:
    """From now on, also for loggers in use."""
    _threshold.rank = RANKS[level]


class _Threshold:
    rank = RANKS["info"]


_threshold = _Threshold()


def _logger_class(sink: Sink) -> type[structlog.BoundLoggerBase]:
    """structlog's own costs 5 us an entry more: a copied context and a chain of processors, of which we use neither."""

    def method(name: str, rank: int) -> Callable[..., None]:
        def say(_self: object, event: str, **fields: object) -> None:
            if rank < _threshold.rank:
                return
            try:
                sink(name, event, fields)
            except Exception:  # noqa: BLE001 a log that fails has nobody to tell
                return

        return say

    methods: dict[str, Any] = {name: method(name, rank) for name, rank in RANKS.items()}

    def exception(self: Any, event: str, **fields: object) -> None:  # noqa: ANN401 one of the class being made
        self.error(event, **{"exc_info": True, **fields})

    return type("Logger", (structlog.BoundLoggerBase,), {**methods, "exception": exception})


class _Libraries(logging.Handler):
    """What libraries log becomes an entry: the first line without its arguments, because those may say anything."""

    def emit(self, record: logging.LogRecord) -> None:
        log = structlog.get_logger()
        tell = log.error if record.levelno >= logging.ERROR else log.warning
        error = {"exc_info": record.exc_info} if record.exc_info else {}
        tell("library.reported", library=record.name, note=str(record.msg).partition("\n")[0][:200], **error)
