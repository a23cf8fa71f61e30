"""Sockets to listen on. A Unix socket that nobody listens on any more is replaced; one that somebody does is not."""

import errno
import fcntl
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from dispatcher.policy.place import Place

MODE = 0o660
BACKLOG = 128


@dataclass(frozen=True, slots=True)
class Bound:
    """A socket, and where it is; `file` tells our own socket file from one that replaced it."""

    socket: socket.socket
    place: Place
    file: tuple[int, int] | None = None

    def __str__(self) -> str:
        return str(self.place)


def bind(place: Place) -> Bound:
    """A socket bound there, not listening yet. Raises `OSError`: in use, not allowed, no such folder."""
    return _bind_path(place) if place.path else _bind_port(place)


def _bind_port(place: Place) -> Bound:
    family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
    with _closed_if_failed(socket.socket(family, socket.SOCK_STREAM)) as made:
        made.settimeout(0)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # or a restart would wait for old connections
        made.bind((place.host, place.port))
        return Bound(made, Place(place.host, made.getsockname()[1]))


def _bind_path(place: Place) -> Bound:
    path = Path(place.path)
    with _folder_locked(path.parent), _closed_if_failed(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as made:
        made.settimeout(0)
        _remove_stale(path)
        made.bind(place.path)
        # Nobody can connect before we listen, so nobody slips in between.
        path.chmod(MODE)
        made.listen(BACKLOG)  # within the lock: until then it looks like a stale one
        return Bound(made, place, _identity(path))


def _remove_stale(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise OSError(errno.EADDRINUSE, "something that is no socket is there")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(0)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
        except BlockingIOError:
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE)) from None
        else:
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))


@contextmanager
def _folder_locked(folder: Path) -> Iterator[None]:
    """Two who start at once must not each take the other's new socket for a stale one."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(fd)


@contextmanager
def _closed_if_failed(made: socket.socket) -> Iterator[socket.socket]:
    try:
        yield made
    except BaseException:
        made.close()
        raise


def _identity(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino


def leave(bound: Bound) -> None:
    """Remove the socket file, if it is still ours."""
    path = Path(bound.place.path)
    with suppress(OSError):
        if bound.file is not None and _identity(path) == bound.file:
            path.unlink()
