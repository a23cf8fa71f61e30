"""Run as a script of its own: does a job and removes its folder, also when whoever started it is gone.

Standard input is the life line: it ends when the parent exits, also by kill -9. It begins with the job, a line of
JSON: `uid` and `gid` (-1: as we are), `steps` (commands that have to succeed, each with what to `say` to it) and at
last `server`. The argument is the folder.
"""

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
from types import FrameType
from typing import Any

ENDINGS = ((signal.SIGINT, 15), (signal.SIGQUIT, 10), (signal.SIGKILL, 5))
"""Fast shutdown; immediate; the hard way: each with the seconds it gets."""


def ignore(_number: int, _frame: FrameType | None) -> None:
    """A handler, not SIG_IGN: that would be inherited by the server."""


def end(child: "subprocess.Popen[bytes]") -> None:
    for number, within in ENDINGS:
        child.send_signal(number)
        try:
            child.wait(within)
        except subprocess.TimeoutExpired:
            continue
        return


def read_job() -> dict[str, Any] | None:
    """None: the parent was gone before it said what to do."""
    line = b""
    while not line.endswith(b"\n"):
        if not (byte := os.read(0, 1)):
            return None
        line += byte
    job: dict[str, Any] = json.loads(line)
    return job


def run(command: list[str], say: str, runs_as: dict[str, Any], look_s: float) -> int:
    """Run it to its end, noticed within `look_s`, or to that of the life line."""
    child: subprocess.Popen[bytes] = subprocess.Popen(command, stdin=subprocess.PIPE, cwd="/", umask=0o077, **runs_as)
    assert child.stdin is not None  # noqa: S101 it was asked for
    with contextlib.suppress(BrokenPipeError):
        child.stdin.write(say.encode())
        child.stdin.close()
    while child.poll() is None:
        if select.select([0], [], [], look_s)[0] and not os.read(0, 1):
            end(child)
    return child.returncode


def supervise(folder: str) -> int:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, ignore)
    code = 0
    if job := read_job():
        runs_as = {} if job["uid"] < 0 else {"user": job["uid"], "group": job["gid"], "extra_groups": []}
        for step in job["steps"]:
            code = code or run(step["command"], step["say"], runs_as, 0.02)
        code = code or run(job["server"], "", runs_as, 0.25)
    shutil.rmtree(folder, ignore_errors=True)
    return code


if __name__ == "__main__":
    sys.exit(supervise(sys.argv[1]))
