"""What an endpoint's URL may look like: an allow-list grammar. Nothing is repaired; what is odd is refused.

Libraries differ on odd URLs, and a check that reads one differently from the code that connects is no check. So only
URLs on which all agree are let through, and the one that is sent is the normal form made here.
"""

import re
from dataclasses import dataclass

from yarl import URL

from dispatcher.policy.addresses import read
from dispatcher.policy.egress import Egress

LONGEST = 2048
DEFAULT_PORTS = {"https": 443, "http": 80}

# `webhooks.refuse_url` says the same in SQL, word for word; tests/unit/urls.json holds both to it.
EMPTY = "it is empty"
TOO_LONG = "it is longer than 2048 characters"
NOT_PRINTABLE = "it has a character that is not printable ASCII; write hosts in punycode and percent-encode the rest"
BAD_SCHEME = "its scheme is not https or http"
NO_SLASHES = "it has no // after the scheme; write https://host/path"
FRAGMENT = "it has a fragment (#), which is never sent; leave it out"
USERINFO = "it has a user or password before the host; use a header for credentials"
NO_HOST = "it has no host"
BAD_PORT = "its port is not a number from 1 to 65535 without leading zeros"
BAD_IPV6 = "its host is not an IPv6 address in its canonical form, such as [2001:db8::1]"
IPV4_IN_IPV6 = "its host is an IPv4 address inside an IPv6 address; use the IPv4 address"
BAD_IPV4 = "its host is not an IPv4 address in its canonical form, four decimal numbers such as 192.0.2.1"
BAD_HOST = "its host is not a name of letters, digits, hyphens, underscores and single dots, at most 63 between two dots and 253 in all"  # fmt: skip  # noqa: E501 one sentence
BAD_PATH = "its path or query has a character that has to be percent-encoded, or a % without two hexadecimal digits"
DOT_SEGMENT = "its path has a segment . or .., plain or percent-encoded"

LABEL = r"(?!-)[a-z0-9_-]{1,63}(?<!-)"
NAME = re.compile(rf"(?=.{{1,253}}\Z){LABEL}(?:\.{LABEL})*")
# What resolvers take for a number, whatever stands before it: 127.1, 0x7f.1, 2130706433.
NUMERIC = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")
OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
IPV4 = re.compile(rf"{OCTET}(?:\.{OCTET}){{3}}")
PORT = re.compile(r"[1-9][0-9]{0,4}")
# RFC 3986: pchar, and for the query also "/" and "?".
PATH_AND_QUERY = re.compile(r"(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*)?(?:\?(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*)?")  # fmt: skip  # noqa: E501 one grammar
DOTS = re.compile(r"/(?:\.|%2e){1,2}(?:/|\Z)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Parts:
    """A URL taken apart: `host` in lower case and without brackets, `path` never empty, `query` without its mark."""

    scheme: str
    host: str
    port: int
    path: str
    query: str

    @property
    def url(self) -> str:
        """The normal form: scheme and host in lower case, no default port, no empty query."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == DEFAULT_PORTS[self.scheme] else f":{self.port}"
        query = f"?{self.query}" if self.query else ""
        return f"{self.scheme}://{host}{port}{self.path}{query}"


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes: `url` in normal form, `host` without brackets."""

    url: str
    scheme: str
    host: str
    port: int


def parse(url: str, egress: Egress) -> Target | str:
    """Where `url` leads, or the sentence that refuses it, which never repeats its query or credentials.

    The host's name is judged, and its address if it is one; what a name resolves to is the guard's to judge.
    """
    parts = structure(url)
    if isinstance(parts, str):
        return parts
    if refusal := _refuse(parts, egress):
        return refusal
    return Target(parts.url, parts.scheme, parts.host, parts.port)


def structure(url: str) -> Parts | str:
    """The URL taken apart, or the sentence that refuses it under any configuration."""
    if refusal := _refuse_text(url):
        return refusal
    scheme, _, rest = url.partition("://")
    authority, path, query = _split(rest)
    host, port = _split_authority(authority, scheme.lower())
    if refusal := _refuse_authority(authority, host, port) or _refuse_path(rest[len(authority) :], path):
        return refusal
    return Parts(scheme.lower(), host.strip("[]"), int(port), path or "/", query)


def _refuse_text(url: str) -> str | None:
    if not url:
        return EMPTY
    if len(url) > LONGEST:
        return TOO_LONG
    if re.search("[^!-~]", url):
        return NOT_PRINTABLE
    if not re.match("https?:", url, re.IGNORECASE):
        return BAD_SCHEME
    if not re.match("https?://", url, re.IGNORECASE):
        return NO_SLASHES
    return FRAGMENT if "#" in url else None


def _split(rest: str) -> tuple[str, str, str]:
    before, _, query = rest.partition("?")
    authority, slash, path = before.partition("/")
    return authority, slash + path, query


def _split_authority(authority: str, scheme: str) -> tuple[str, str]:
    """Host, in lower case and with its brackets, and port as written, or as the scheme has it."""
    ends = authority.rfind("]") + 1
    host, colon, port = authority[ends:].partition(":")
    return (authority[:ends] + host).lower(), port if colon else str(DEFAULT_PORTS[scheme])


def _refuse_authority(authority: str, host: str, port: str) -> str | None:
    if "@" in authority:
        return USERINFO
    if not host:
        return NO_HOST
    if not PORT.fullmatch(port) or int(port) > 65535:
        return BAD_PORT
    if host.startswith("["):
        return _refuse_ipv6(host)
    if NUMERIC.fullmatch(host):
        return None if IPV4.fullmatch(host) else BAD_IPV4
    return None if NAME.fullmatch(host) else BAD_HOST


def _refuse_ipv6(host: str) -> str | None:
    inner = host[1:-1]
    known = read(inner) if re.fullmatch(r"\[[0-9a-f:]+\]", host) else None
    if known is None:
        return BAD_IPV6
    if known.disguise:
        return IPV4_IN_IPV6
    return None if known.text == inner else BAD_IPV6


def _refuse_path(path_and_query: str, path: str) -> str | None:
    if not PATH_AND_QUERY.fullmatch(path_and_query):
        return BAD_PATH
    return DOT_SEGMENT if DOTS.search(path) else None


def _refuse(parts: Parts, egress: Egress) -> str | None:
    if parts.scheme == "http" and not egress.allow_http:
        return "its scheme is http; use https (egress.allow_http would allow http)"
    if refusal := egress.refuse_host(parts.host) or egress.refuse_port(parts.port, parts.scheme):
        return refusal
    if read(parts.host) and (refusal := egress.refuse_address(parts.host, parts.port, parts.host)):
        return refusal
    return None if _is_read_alike(parts) else "its host is not valid punycode, or it is read in more than one way"


def _is_read_alike(parts: Parts) -> bool:
    """Whether the library that connects sees in the normal form what we saw."""
    try:
        seen = URL(parts.url, encoded=True)
        seen.host  # noqa: B018 decodes punycode, and raises for what only looks like it
        ours = (parts.scheme, parts.host, parts.port, parts.path, parts.query, parts.url)
        return ours == (seen.scheme, seen.raw_host, seen.port, seen.raw_path, seen.raw_query_string, str(seen))
    except ValueError:
        return False
