"""What an exception says about a receiver. Pure: looks at the error and nothing else.

The texts of exceptions are not passed on: several carry URLs, header values or bytes a receiver chose.
"""

import errno
import os
import ssl
from collections.abc import Iterator

import aiohttp

from dispatcher.model import NoReply, Reason
from dispatcher.transport.connections import FloodedReply
from dispatcher.transport.guard import BlockedAddress

NOTE_LENGTH = 200

EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EADDRNOTAVAIL})
"""This machine has run out of something; no receiver is to blame."""


class Judged(aiohttp.ClientError):
    """Raised by our own hands inside aiohttp's, where it is known already why there is no reply."""

    def __init__(self, answer: NoReply) -> None:
        super().__init__(answer.reason)
        self.answer = answer


def reason_of(error: Exception) -> NoReply:
    """Why there was no usable reply. Anything not known to be the receiver's doing is `internal`."""
    if isinstance(error, Judged):
        return NoReply(error.answer.reason, _printable(error.answer.note))
    reason, note = _read(error)
    return NoReply(reason, _printable(note))


def _read(error: Exception) -> tuple[Reason, str]:
    causes = list(_chain(error))
    for cause in reversed(causes):
        if isinstance(cause, BlockedAddress):
            return Reason.BLOCKED_ADDRESS, cause.rule
        if isinstance(cause, ssl.SSLError):
            return _tls(cause, while_connecting=isinstance(error, aiohttp.ClientConnectorError))
    match error:
        case aiohttp.ClientConnectorDNSError():
            return Reason.DNS, error.os_error.strerror or "the lookup failed"
        case aiohttp.ClientResponseError() | aiohttp.ClientPayloadError() | FloodedReply():
            # Never `error.status`: aiohttp makes up a 400 for whatever it cannot parse.
            return Reason.PROTOCOL, f"the reply is not HTTP: {type(causes[-1]).__name__}"
        case OSError() | aiohttp.ClientConnectionError():
            return _network(error)
        case _:
            return Reason.INTERNAL, type(error).__name__


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = getattr(error, "os_error", None) or error.__cause__


def _tls(error: ssl.SSLError, *, while_connecting: bool) -> tuple[Reason, str]:
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError) and not while_connecting:
        return Reason.RESET, "the TLS connection ended without a reply"
    said = getattr(error, "verify_message", None) or error.reason or "the handshake failed"
    return Reason.TLS, str(said)


def _network(error: OSError | aiohttp.ClientConnectionError) -> tuple[Reason, str]:
    number = getattr(error, "errno", None)
    name = errno.errorcode.get(number or 0, "")
    if number in EXHAUSTED:
        return Reason.INTERNAL, f"{name} on this machine"
    if isinstance(error, TimeoutError) or number == errno.ETIMEDOUT:
        return Reason.TIMEOUT, name or "no reply within the deadline"
    if not isinstance(error, aiohttp.ClientConnectorError):
        return Reason.RESET, name or "the connection ended without a reply"
    match error.os_error:
        case PermissionError():
            # connect(2): EACCES and EPERM are what a firewall on this machine answers.
            return Reason.BLOCKED_ADDRESS, f"{name} from this machine's firewall"
        case ConnectionResetError() | ConnectionAbortedError() | BrokenPipeError():
            # TCP refuses, it does not reset: by then there was a connection, and a handshake on it.
            return Reason.TLS, "the connection ended during the handshake"
        case other:
            said = os.strerror(number) if number else other.strerror or ""
            return Reason.CONNECT, f"{name} {said}".strip()


def _printable(note: str) -> str:
    return "".join(sign if " " <= sign <= "~" else "?" for sign in note[:NOTE_LENGTH])
