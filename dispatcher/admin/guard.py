"""Is this request meant for us, and sent by who it seems to be? What a browser can be made to send is not."""

import re
from collections.abc import Collection, Iterable
from ipaddress import ip_address
from urllib.parse import urlsplit

from dispatcher.admin.problems import Problem

HERE = frozenset({"localhost", "127.0.0.1", "::1"})
HOST = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9_.-]+))(?::[0-9]{0,5})?")
OTHER_SITES = frozenset({"cross-site", "same-site"})

Headers = Iterable[tuple[bytes, bytes]]
"""As they came: what a library makes of them may differ from what was sent."""


def values(headers: Headers, name: bytes) -> list[str]:
    return [value.decode("latin-1").strip() for key, value in headers if key.lower() == name]


def path_of(target: str, headers: Headers, hosts: Collection[str]) -> tuple[str, str]:
    """Path and query of the request target. Raises `Problem` where Host is not there once, is not ours, or differs."""
    hosts_said = values(headers, b"host")
    host = name_of(hosts_said[0]) if len(hosts_said) == 1 else None
    if host is None or host not in hosts:
        raise Problem(
            "unknown-host",
            "the Host header has to be there once, and be localhost, this address or one of admin.allow_hosts",
            closes=True,
        )
    if not target.isascii():
        raise Problem("malformed", "the URL has to be percent-encoded", closes=True)
    if not target.startswith("/"):
        target = _of_absolute(target, hosts_said[0])
    path, _, query = target.partition("?")
    return path, query


def name_of(host: str) -> str | None:
    """The host without its port, in one form; None for what is none."""
    found = HOST.fullmatch(host)
    if found is None:
        return None
    if found["v6"] is None:
        return found["name"].lower().rstrip(".")
    try:
        return str(ip_address(found["v6"]))
    except ValueError:
        return None


def _of_absolute(target: str, host: str) -> str:
    """http://host/path: allowed where it says the same host as the header."""
    try:
        parts = urlsplit(target)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in {"http", "https"} or parts.netloc.lower() != host.lower():
        raise Problem("unknown-host", "the URL names another host than the Host header", closes=True)
    return f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"


def refuse_other_sites(headers: Headers) -> None:
    """No page of another site sends us anything. Without cookies it could do no harm; it shall not even try."""
    if OTHER_SITES & {value.lower() for value in values(headers, b"sec-fetch-site")}:
        raise Problem("cross-site", "this request comes from a page of another site (Sec-Fetch-Site)")
    host = values(headers, b"host")[0].lower()
    for origin in values(headers, b"origin"):
        if origin.lower() not in {f"http://{host}", f"https://{host}"}:
            raise Problem("cross-site", "this request comes from a page of another site (Origin)")


def refuse_other_contents(headers: Headers, *, takes_body: bool, needs_body: bool) -> None:
    """A body is JSON and says so: a form, which any page can send, is refused before it is read.

    Where there is none, some libraries call it octets.
    """
    kinds = values(headers, b"content-type")
    if values(headers, b"content-encoding") not in ([], ["identity"]):
        raise Problem("not-json", "the body has to be sent as it is, without Content-Encoding", closes=True)
    may_be_nothing = not takes_body or (not needs_body and _announce_nothing(headers))
    if may_be_nothing and kinds in ([], ["application/octet-stream"]):
        return
    if len(kinds) != 1 or not _is_json(kinds[0]):
        raise Problem("not-json", "the request needs Content-Type: application/json", closes=True)


def _announce_nothing(headers: Headers) -> bool:
    return values(headers, b"content-length") in ([], ["0"]) and not values(headers, b"transfer-encoding")


def _is_json(content_type: str) -> bool:
    kind, *parameters = (part.strip().lower() for part in content_type.split(";"))
    return kind == "application/json" and all(p.replace('"', "") in {"", "charset=utf-8"} for p in parameters)
