"""Which headers an endpoint may add to its requests.

A header of the customer's can empty the body (`Content-Length: 0`), smuggle a second request, reach another virtual
host, replace our signature or open a cloud's metadata service: so names are refused by list, and values by grammar.
"""

import re
from collections.abc import Mapping

MOST_HEADERS = 32
LONGEST_VALUE = 4096
MOST_CHARACTERS = 16 * 1024
"""Names and values of all headers together: well below what servers take for one request (nginx: four times 8 KiB)."""

# `webhooks.refuse_headers` repeats both lists in SQL; a test compares them.
FORBIDDEN_NAMES = frozenset(
    {
        # what we or the HTTP client set, and what frames the message
        "host", "content-length", "content-type", "content-encoding", "transfer-encoding", "te", "trailer", "trailers",
        "connection", "keep-alive", "upgrade", "expect", "accept-encoding", "user-agent", "date", "http2-settings",
        # what belongs to proxies; `proxy` becomes HTTP_PROXY in CGI programs
        "proxy", "proxy-connection", "proxy-authenticate", "proxy-authorization", "via", "forwarded", "max-forwards",
        # what browsers vouch for
        "cookie", "cookie2", "set-cookie", "origin", "referer", "range",
        # what makes another request of it
        "x-http-method", "x-http-method-override", "x-method-override", "x-original-url", "x-rewrite-url",
    }
)  # fmt: skip
FORBIDDEN_PREFIXES = (
    # signatures
    "webhook-", "x-webhook-", "svix-", "x-svix-",
    # proxies and browsers
    "sec-", "proxy-", "x-forwarded-", "x-real-ip", "x-client-ip", "x-envoy-",
    # clouds: their load balancers' words, and the keys to their metadata services
    "x-amz-", "x-amzn-", "x-aws-", "x-goog-", "x-google-", "x-gfe-", "x-azure-", "x-ms-", "metadata",
)  # fmt: skip

# No underscore: nginx drops such headers, and CGI cannot tell them from hyphens.
NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
VALUE = re.compile(r"(?:[!-~](?:[ -~]*[!-~])?)?")

# The same words as in SQL; tests/unit/headers.json holds both to them.
NOT_AN_OBJECT = "they are not a JSON object of names to strings"
TOO_MANY = "there are more than 32 of them"
BAD_NAME = "a name is not a letter followed by at most 63 letters, digits or hyphens"
TOO_MUCH = "names and values together are longer than 16384 characters"
EMPTY_KEY = "it is empty"
LONG_KEY = "it is longer than 4096 characters"
BAD_KEY = "it is not printable ASCII without spaces at its ends"


def refuse_headers(headers: Mapping[str, object] | None) -> str | None:
    """Why these headers (None: unreadable) are refused, in a clause that repeats no value; None if they may be sent."""
    if headers is None:
        return NOT_AN_OBJECT
    if not all(NAME.fullmatch(name) for name in headers):
        return BAD_NAME
    if len(headers) > MOST_HEADERS:
        return TOO_MANY
    seen: set[str] = set()
    for name, value in headers.items():
        if refusal := _refuse_name(name, seen) or _refuse_value(name, value):
            return refusal
        seen.add(name.lower())
    return TOO_MUCH if sum(len(name) + len(str(value)) for name, value in headers.items()) > MOST_CHARACTERS else None


def refuse_api_key(key: str) -> str | None:
    """Why `key` cannot be the value of a header, without repeating it; None if it can."""
    if not key:
        return EMPTY_KEY
    if not VALUE.fullmatch(key):
        return BAD_KEY
    return LONG_KEY if len(key) > LONGEST_VALUE else None


def _refuse_name(name: str, seen: set[str]) -> str | None:
    lowered = name.lower()
    if lowered in FORBIDDEN_NAMES or lowered.startswith(FORBIDDEN_PREFIXES):
        return f"{name} is set by the dispatcher, a proxy or a cloud"
    return f"{name} is there twice; upper and lower case are the same" if lowered in seen else None


def _refuse_value(name: str, value: object) -> str | None:
    if not isinstance(value, str):
        return f"the value of {name} is not a string"
    if not VALUE.fullmatch(value):
        return f"the value of {name} is not printable ASCII without spaces at its ends"
    return f"the value of {name} is longer than 4096 characters" if len(value) > LONGEST_VALUE else None
