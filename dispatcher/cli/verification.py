"""A receiver's side of Standard Webhooks 1.0.0, over our own signing: for `listen` and `demo`."""

import hmac
from collections.abc import Mapping, Sequence

from dispatcher.policy.signing import key_of, signature

TOLERANCE_S = 300
"""Between a signature's timestamp and our clock; the reference libraries allow the same."""

HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")


class Verifier:
    """Holds the secrets of which any may have signed. Raises ValueError for one that is none, without showing it."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._keys = [key_of(secret) for secret in secrets]

    def refuse(self, headers: Mapping[str, str], body: bytes, now: float) -> str | None:
        """Why the request is not to be trusted; None if it is. `now` is unix seconds."""
        if missing := [name for name in HEADERS if not headers.get(name)]:
            return f"no {', '.join(missing)}"
        webhook_id, timestamp, given = (headers[name] for name in HEADERS)
        if not webhook_id.isascii():
            return "webhook-id is not ASCII"
        if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
            return "webhook-timestamp is not a number"
        if (away_s := abs(now - int(timestamp))) > TOLERANCE_S:
            return f"webhook-timestamp is {away_s:.0f} s away from this clock, {TOLERANCE_S} are allowed"
        expected = signature(self._keys, webhook_id, int(timestamp), body).split(" ")
        return None if _any_equal(expected, given.split(" ")) else "the signature is of another secret or another body"


def _any_equal(expected: Sequence[str], given: Sequence[str]) -> bool:
    """Compares every pair, each in constant time: how long it takes says nothing about which one was right."""
    found = False
    for token in given:
        for right in expected:
            found |= hmac.compare_digest(right.encode(), token.encode("utf-8", "surrogateescape"))
    return found
