"""The forward proxy that all requests go through, and what its answers say about whom.

A proxy's own word is never a receiver's reply: what it says about a target becomes a reason, what it says about us is
`proxy`, and its text goes to nobody.
"""

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import unquote

from dispatcher.model import NoReply, Reason
from dispatcher.policy.addresses import read

FORM = "http://proxy.example.com:3128, or http://user:password@proxy.example.com:3128"
# Nothing of what is special in a URL, so that there is one way to read it.
WORD = r"[A-Za-z0-9._~!$&'()*+,;=%-]"
URL = re.compile(rf"http://(?:({WORD}*)(?::({WORD}*))?@)?(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):([0-9]{{1,5}})/?")
NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_]([a-z0-9_-]{0,62}))*")
NUMERIC = re.compile(r"[0-9.]+")


@dataclass(frozen=True, slots=True)
class Proxy:
    """Where it listens; `host` in lower case and without brackets. `authorization` is what it wants to see, if set."""

    host: str
    port: int
    authorization: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """Without user or password."""
        return f"http://{self}"

    @classmethod
    def of(cls, url: str) -> Self:
        """Raises ValueError with a sentence that repeats nothing of the URL: there may be a password in it."""
        if url.lower().startswith("https://"):
            # TLS inside TLS, for no gain: what goes to an https receiver is sealed end to end, and the password and
            # what goes to an http receiver are for a network one trusts.
            raise ValueError(f"it speaks TLS itself, which is not supported; the form is {FORM}")
        if not url.lower().startswith("http://"):
            raise ValueError(f"it is not the URL of an HTTP proxy; the form is {FORM}")
        parts = URL.fullmatch("http" + url[4:])
        if parts is None:
            raise ValueError(
                f"it is not of the form {FORM}; the port is needed, and what is special in a user or password is "
                "percent-encoded: %40 for @, %3A for :, %2F for /, %23 for #"
            )
        user, password, host, port = parts.groups()
        return cls(_host(host.lower().strip("[]")), _port(port), _authorization(user, password))


def _host(host: str) -> str:
    if (known := read(host)) is not None:
        return known.text
    if ":" in host or NUMERIC.fullmatch(host) or not NAME.fullmatch(host):
        raise ValueError("its host is not a name, an IPv4 address, or an IPv6 address in brackets")
    return host


def _port(port: str) -> int:
    if not 1 <= int(port) <= 65535:
        raise ValueError("its port is not a number from 1 to 65535")
    return int(port)


def _authorization(user: str | None, password: str | None) -> str | None:
    if user is None:
        return None
    try:
        name, word = unquote(user, errors="strict"), unquote(password or "", errors="strict")
    except UnicodeDecodeError:
        raise ValueError("its user or password is not percent-encoded UTF-8") from None
    if not name or ":" in name or not f"{name}{word}".isprintable():
        raise ValueError(
            "its user is empty or has a colon in it, or there is a control character in it or the password"
        )
    return f"Basic {b64encode(f'{name}:{word}'.encode()).decode('ascii')}"


OUR_OWN = frozenset({400, 401, 405, 407, 408, 426, 429, 431, 501, 505, 511})
"""Statuses by which a proxy complains about us, or is none (nginx: 400): credentials, method, pace, protocol."""

SMOKESCREEN = "x-smokescreen-error"
"""On all that Smokescreen itself has to say; a 407 with it demands no credentials, it is how it denies a target."""

MARKS = frozenset({SMOKESCREEN, "x-squid-error"})
"""Headers that a proxy puts on replies of its own, and on no others."""


def refuse_tunnel(status: int, headers: Mapping[str, str]) -> NoReply | None:
    """What the answer to CONNECT says; None if there is a tunnel now. `headers` by names in lower case.

    Nobody but the proxy speaks here, so its status is believed. 403 is how Squid, tinyproxy and Envoy deny a target,
    404 what Envoy says to a host nobody has routed, a 400 of Squid's own what it says to one it cannot read: the
    endpoint's, or a tenant's forbidden URL would be tried for ever as a fault of ours. 502, 503 and 504 (Smokescreen,
    Squid, Envoy, HAProxy), and tinyproxy's 500, are a target that cannot be reached.
    """
    if 200 <= status < 300:
        return None
    if (status == 407 and SMOKESCREEN in headers) or (status == 400 and _is_marked(headers)):
        return _denied(status)
    if status in OUR_OWN or not 400 <= status < 600:
        return _ours(status, "CONNECT")
    return _denied(status) if status < 500 else _unreached(status)


def own_word(status: int, headers: Mapping[str, str]) -> NoReply | None:
    """What a reply to a request over plain http says, if it is recognisably the proxy's; None if a receiver's.

    A receiver may pretend; all it can gain is that its own failures go by another name. A success is never doubted. A
    407 is ours, though a proxy might pass on a receiver's (Squid and tinyproxy mend it, Go's goproxy does not): better
    one endpoint that holds itself up than a password changed at the expense of every customer's attempts.
    """
    if status < 400:
        return None
    if status == 407 and SMOKESCREEN not in headers:
        return _ours(status, "the request")
    if not _is_marked(headers):
        return None
    return _denied(status) if status < 500 else _unreached(status)


def _is_marked(headers: Mapping[str, str]) -> bool:
    return bool(MARKS & headers.keys()) or headers.get("server", "").lower().startswith("tinyproxy/")


def _denied(status: int) -> NoReply:
    return NoReply(Reason.BLOCKED_ADDRESS, f"it refuses the target ({status})")


def _unreached(status: int) -> NoReply:
    return NoReply(Reason.CONNECT, f"it does not reach the target ({status})")


def _ours(status: int, what: str) -> NoReply:
    if status == 407:
        return NoReply(Reason.PROXY, "it wants another user and password than egress.proxy has (407)")
    return NoReply(Reason.PROXY, f"it answered {what} with {status}")
