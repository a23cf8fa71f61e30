"""Run as a script of its own: starts a server, and ends it when whoever started us is gone.

Standard input is the life line: it ends when the parent exits, also by kill -9. Arguments: uid, gid (-1: as we are),
the folder to remove afterwards, the command.
"""

import os
import select
import shutil
import signal
import subprocess
import sys
from types import FrameType

ENDINGS = ((signal.SIGINT, 15), (signal.SIGQUIT, 10), (signal.SIGKILL, 5))
"""Fast shutdown; immediate; the hard way: each with the seconds it gets."""


def ignore(_number: int, _frame: FrameType | None) -> None:
    """A handler, not SIG_IGN: that would be inherited by the server."""


def end(server: "subprocess.Popen[bytes]") -> None:
    for number, within in ENDINGS:
        server.send_signal(number)
        try:
            server.wait(within)
        except subprocess.TimeoutExpired:
            continue
        return


def supervise(uid: int, gid: int, folder: str, command: list[str]) -> int:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, ignore)
    runs_as = {} if uid < 0 else {"user": uid, "group": gid, "extra_groups": []}
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, cwd="/", umask=0o077, **runs_as)  # type: ignore[call-overload]  # one dict of keyword arguments of several types
    while server.poll() is None:
        # Wakes four times a second only to notice a server that ended by itself.
        if select.select([0], [], [], 0.25)[0] and not os.read(0, 1):
            end(server)
    shutil.rmtree(folder, ignore_errors=True)
    return int(server.returncode or 0)


if __name__ == "__main__":
    sys.exit(supervise(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:]))
