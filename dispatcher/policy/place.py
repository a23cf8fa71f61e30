"""Where the admin listener is found: a local address, one that others reach, or a Unix socket."""

from dataclasses import dataclass
from ipaddress import ip_address

FORM = "127.0.0.1:8480, [::1]:8480, unix:/run/dispatcher/admin.sock, or empty for none"
LONGEST_PATH = 107
"""Bytes: what Linux has room for in a socket's address."""


@dataclass(frozen=True, slots=True)
class Place:
    """A TCP address, or where `path` is given a Unix socket."""

    host: str = ""
    port: int = 0
    path: str = ""

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_of_this_machine(self) -> bool:
        return bool(self.path) or ip_address(self.host).is_loopback


def place(text: str) -> Place | None:
    """What is written; None for nothing. Raises `ValueError` that says what is allowed."""
    if not text:
        return None
    if text.startswith("unix:"):
        return _socket(text.removeprefix("unix:"))
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        colon = ""
    if not colon or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise ValueError(f"it must be an address and a port: {FORM}")
    try:
        return Place(str(ip_address(host)), int(port))
    except ValueError:
        raise ValueError(f"it must be an address, not a name: {FORM}") from None


def _socket(path: str) -> Place:
    if not path.startswith("/") or path.endswith("/") or not path.isprintable():
        raise ValueError("the path of a Unix socket is an absolute one: unix:/run/dispatcher/admin.sock")
    if len(path.encode()) > LONGEST_PATH:
        raise ValueError(f"the path of a Unix socket has at most {LONGEST_PATH} bytes")
    return Place(path=path)
