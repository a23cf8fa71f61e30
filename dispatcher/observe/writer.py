"""Lines go to a file descriptor by way of a bounded buffer and a thread: whoever reads slowly delays only the log."""

import os
import select
import threading
from collections import deque
from collections.abc import Callable

MOST_BYTES = 8 * 1024 * 1024
"""Held before lines are dropped: about three seconds of one line per attempt at full speed."""

CHUNK_BYTES = 64 * 1024
"""Written at once: what a pipe holds on Linux."""

GATHER_S = 0.01
"""Between being rung and writing: waking the thread for every line would cost more than the line."""

AGAIN_S = 1.0
"""Between tries at a descriptor that refuses: a full disk is emptied some day, and a closed pipe costs little."""


class Writer:
    """Takes lines of one newline each, at the end. `write` never waits for the reader and never raises.

    When the buffer is full, new lines are dropped; `dropped(n)` makes the line that says so, written before anything
    else as soon as anything can be. From `close` on, lines are dropped unsaid.
    """

    def __init__(self, fd: int, dropped: Callable[[int], bytes], most_bytes: int = MOST_BYTES) -> None:
        self._fd = fd
        self._say_dropped = dropped
        self._most = most_bytes
        self._lock = threading.Lock()
        self._lines: deque[bytes] = deque()
        self._held = 0
        self._lost = 0
        self._torn = False
        self._rung = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._keep_writing, name="log", daemon=True)
        self._thread.start()

    def __repr__(self) -> str:
        return f"<Writer {self._held}/{self._most} bytes held, {self._lost} lines dropped>"

    def write(self, line: bytes) -> None:
        size = len(line)
        with self._lock:
            if self._held + size > self._most or self._closing.is_set():
                self._lost += 1
                return
            self._lines.append(line)
            self._held += size
        if not self._rung.is_set():
            self._rung.set()

    def close(self, within_s: float = 1.0) -> None:
        """Write what is held; what cannot be written within that time is lost."""
        self._closing.set()
        self._rung.set()
        self._thread.join(within_s)

    def _keep_writing(self) -> None:
        while not self._closing.is_set():
            self._rung.wait()
            self._closing.wait(GATHER_S)
            # Cleared before looking, never after: a line that comes meanwhile must ring again.
            self._rung.clear()
            self._write_held()
        self._write_held()

    def _write_held(self) -> None:
        while True:
            lines, lost = self._take()
            if not lines and not lost:
                return
            notice = self._say_dropped(lost) if lost else b""
            unwritten = self._write_all(notice + b"".join(lines), len(notice), lost)
            with self._lock:
                self._held -= sum(map(len, lines))
                self._lost += unwritten
            if unwritten and self._closing.wait(AGAIN_S):
                return

    def _take(self) -> tuple[list[bytes], int]:
        """The next lines, and how many were lost before now."""
        with self._lock:
            taken, size = [], 0
            while self._lines and size < CHUNK_BYTES:
                taken.append(self._lines.popleft())
                size += len(taken[-1])
            lost, self._lost = self._lost, 0
            return taken, lost

    def _write_all(self, chunk: bytes, notice_bytes: int, lost: int) -> int:
        """Returns how many lines could not be written, those that the notice at its beginning counts included."""
        at = 0
        try:
            if self._torn:
                os.write(self._fd, b"\n")
                self._torn = False
            while at < len(chunk):
                at += self._write_some(chunk[at:])
        except OSError:
            self._torn = self._torn or (at > 0 and not chunk[:at].endswith(b"\n"))
            return chunk.count(b"\n", at) + (lost - 1 if at < notice_bytes else 0)
        return 0

    def _write_some(self, chunk: bytes) -> int:
        try:
            return os.write(self._fd, chunk)
        except BlockingIOError:
            # Somebody who shares the descriptor made it non-blocking.
            poll = select.poll()
            poll.register(self._fd, select.POLLOUT)
            poll.poll()
            return 0
