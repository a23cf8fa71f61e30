"""What a person types: one module for each command.

Rule 1: 0 done, 1 what was asked for failed, 2 usage or configuration (systemd does not restart on 2).
Rule 2: what goes wrong is one line for each problem on stderr, with what to do; never a traceback.
Rule 3: a command imports what it needs when it runs: `--help` answers at once.
"""

import logging
import os
import sys
import warnings
from pathlib import Path
from typing import Annotated, Any

import typer

from dispatcher.cli.check import check
from dispatcher.cli.delivery import delivery
from dispatcher.cli.demo import demo
from dispatcher.cli.endpoint import endpoint
from dispatcher.cli.event import event
from dispatcher.cli.listen import listen
from dispatcher.cli.migrate import migrate
from dispatcher.cli.profile import profile
from dispatcher.cli.prune import prune
from dispatcher.cli.rekey import rekey
from dispatcher.cli.replay import replay
from dispatcher.cli.run import run
from dispatcher.cli.status import status
from dispatcher.cli.token import token
from dispatcher.errors import ConfigError, DispatcherError, SchemaError

DONE, FAILED, MISUSED = 0, 1, 2
TYPERS_CTRL_C = 130

app = typer.Typer(
    name="dispatcher",
    help="Webhooks straight from Postgres: INSERT an event, every subscriber gets a signed POST.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for command in (run, demo, migrate, check, status, replay, rekey, prune, listen):
    app.command()(command)
for group in (endpoint, event, delivery, profile, token):
    app.add_typer(group)


def _show_version(wanted: bool) -> None:  # noqa: FBT001 typer hands the option over like this
    if wanted:
        from dispatcher import __version__  # noqa: PLC0415 rule 3

        typer.echo(f"dispatcher {__version__}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    *,
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Configuration file. [default: /etc/dispatcher/dispatcher.toml if it exists]"
        ),
    ] = None,
    version: Annotated[  # noqa: ARG001 read by its callback
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    context.obj = config


def main() -> None:
    """The entry point: ends the process with one of the three exit codes."""
    _occupy_standard_streams()
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    logging.basicConfig(
        handlers=[logging.NullHandler()]
    )  # Else what libraries log comes out on stderr, tracebacks too.
    sys.exit(_outcome())


def _outcome() -> int:
    try:
        if not sys.argv[1:]:
            app(["--help"], prog_name="dispatcher", standalone_mode=False)
            return MISUSED
        code = app(prog_name="dispatcher", standalone_mode=False)
    except DispatcherError as error:
        from dispatcher.cli.complaint import worded  # noqa: PLC0415 rule 3

        _complain(worded(error))
        return MISUSED if isinstance(error, ConfigError | SchemaError) else FAILED
    except typer.TyperException as error:
        words = " ".join(["dispatcher", *_words(getattr(error, "ctx", None)), "--help"])
        said = " ".join(error.format_message().split())  # which choices there are comes in lines of its own
        _complain(f"{said.rstrip('.')}; see: {words}")
        return MISUSED
    except (KeyboardInterrupt, typer.Abort):
        return FAILED
    except BrokenPipeError:
        # Whoever read our output has gone; Python would complain when it flushes the rest.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    if code == TYPERS_CTRL_C:
        return FAILED
    return code if isinstance(code, int) else DONE


def _words(context: Any) -> list[str]:  # noqa: ANN401 typer's own, under no public name
    """What was typed after `dispatcher` to come to a command: its groups and its name."""
    return [*_words(context.parent), context.info_name] if context and context.parent else []


def _complain(message: str) -> None:
    from dispatcher.cli.complaint import complain  # noqa: PLC0415 rule 3

    complain(message)


def _occupy_standard_streams() -> None:
    """Where 0, 1 or 2 was closed, the first socket opened would get its number, and the log would go there."""
    while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(fd)
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
