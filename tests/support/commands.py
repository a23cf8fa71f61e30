"""`dispatcher <command>` as a person types it."""

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

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
