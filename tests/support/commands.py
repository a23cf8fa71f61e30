"""`dispatcher <command>` as a person types it."""

import asyncio
import io
import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any
from unittest import mock

from dispatcher import cli
from tests.support.daemon import environment


def typed(
    *words: str, dsn: str = "", under: Sequence[str] = (), env: dict[str, str] | None = None, **settings: object
) -> subprocess.CompletedProcess[str]:
    """Run to its end; no traceback, whatever happens."""
    done = subprocess.run(
        [*under, sys.executable, "-m", "dispatcher", *words],
        capture_output=True, text=True, timeout=60, check=False, env=environment(dsn, **settings) | (env or {}),
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return done


def told(*words: str, dsn: str, **settings: Any) -> tuple[int, dict[str, Any]]:
    """The exit code, and what `--json` printed: one object, and nothing on stderr."""
    done = typed(*words, "--json", dsn=dsn, **settings)
    assert done.stderr == ""
    (line,) = done.stdout.splitlines()
    return done.returncode, json.loads(line)


async def ran(
    *words: str, dsn: str = "", stdin: bytes = b"", env: dict[str, str] | None = None, **settings: object
) -> subprocess.CompletedProcess[str]:
    """The same as `typed`, in this process, which has everything imported already."""
    return await asyncio.to_thread(_run, words, environment(dsn, **settings) | (env or {}), stdin)


def _run(words: Sequence[str], env: dict[str, str], stdin: bytes) -> subprocess.CompletedProcess[str]:
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8")
    given = io.TextIOWrapper(io.BytesIO(stdin), "utf-8")
    with (
        mock.patch.dict("os.environ", env, clear=True),
        mock.patch.multiple(sys, argv=["dispatcher", *words], stdin=given, stdout=out, stderr=err),
    ):
        code = cli._outcome()
        said = [_all(stream) for stream in (out, err)]
    return subprocess.CompletedProcess(words, code, *said)


def _all(stream: io.TextIOWrapper) -> str:
    stream.flush()
    return stream.buffer.getvalue().decode()  # type: ignore[attr-defined] a BytesIO


async def told_here(*words: str, dsn: str, **settings: Any) -> tuple[int, dict[str, Any]]:
    """The same as `told`, in this process."""
    done = await ran(*words, "--json", dsn=dsn, **settings)
    assert done.stderr == ""
    (line,) = done.stdout.splitlines()
    return done.returncode, json.loads(line)


async def object_of(*words: str, dsn: str, code: int = 0, **settings: Any) -> dict[str, Any]:
    """What `--json` printed, in this process: one object in one line, and nothing on stderr."""
    done = await ran(*words, "--json", dsn=dsn, **settings)
    assert (done.returncode, done.stderr) == (code, ""), done
    (line,) = done.stdout.splitlines()
    made: dict[str, Any] = json.loads(line)
    return made
