"""What systemd is told over $NOTIFY_SOCKET, as sd_notify(3) has it. Nobody listens: nothing is said, at no cost."""

import os
import socket
import time
from collections.abc import MutableMapping
from contextlib import suppress
from typing import Self

from dispatcher.observe.printable import printable
from dispatcher.observe.redact import redact

LONGEST = 400
"""Of a value, in characters: systemd ignores a message of more than 4,096 bytes as a whole."""


class Systemd:
    """Nothing in here raises or waits. What cannot be sent is not lost but said with the next: the newest of each."""

    def __init__(self, address: str = "", watchdog_s: float | None = None) -> None:
        self._socket: socket.socket | None = None
        self._address = address.replace("@", "\0", 1) if address.startswith("@") else address
        self._unsaid: dict[str, str] = {}
        self._status = ""
        if address.startswith(("/", "@")):
            with suppress(OSError):
                self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._watchdog_s = watchdog_s if self._socket else None

    @classmethod
    def of(cls, environ: MutableMapping[str, str]) -> Self:
        """As systemd has set us up. Its variables are taken out: a child must not speak in our name."""
        address = environ.pop("NOTIFY_SOCKET", "")
        usec, pid = environ.pop("WATCHDOG_USEC", ""), environ.pop("WATCHDOG_PID", "")
        ours = pid in {"", str(os.getpid())} and usec.isascii() and usec.isdigit() and len(usec) < 20 and int(usec) > 0
        return cls(address, int(usec) / 1e6 if ours else None)

    @property
    def watchdog_s(self) -> float | None:
        """How long systemd waits for the next `watchdog` before it kills us; None: it does not watch."""
        return self._watchdog_s

    def ready(self, status: str) -> None:
        """The start, or the reload, is done."""
        self._status = status
        self._say(READY="1", STATUS=status)

    def status(self, text: str) -> None:
        """One line for `systemctl status`; the same again costs nothing."""
        if text != self._status:
            self._status = text
            self._say(STATUS=text)

    def watchdog(self) -> None:
        self._say(WATCHDOG="1")

    def reloading(self) -> None:
        """`ready` has to follow."""
        self._say(RELOADING="1", MONOTONIC_USEC=str(time.monotonic_ns() // 1000))

    def stopping(self) -> None:
        self._say(STOPPING="1")

    def extend(self, seconds: float) -> None:
        """Starting, reloading or stopping goes on for at least that long from now; repeat it in time."""
        self._say(EXTEND_TIMEOUT_USEC=str(int(seconds * 1e6)))

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _say(self, **variables: str) -> None:
        if self._socket is None:
            return
        for name, value in variables.items():
            # Taken out first: of READY, RELOADING and STOPPING in one message, the last one counts.
            self._unsaid.pop(name, None)
            self._unsaid[name] = _line(value)
        message = "\n".join(f"{name}={value}" for name, value in self._unsaid.items())
        # Addressed each time, not connected: the socket may be made anew while we run.
        with suppress(OSError):
            self._socket.sendto(message.encode(), self._address)
            self._unsaid.clear()


def _line(text: str) -> str:
    # Cut last: of a password that is cut in half, the other half would be shown.
    return redact(printable(text[: 10 * LONGEST]).encode()).decode()[:LONGEST]
