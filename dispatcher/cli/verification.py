"""A receiver's side of every scheme, over our own signing: for `listen` and `demo`."""

import hmac
import re
from binascii import Error, a2b_base64
from collections.abc import Iterable, Mapping, Sequence

from dispatcher.policy.keys import PRIVATE, PUBLIC, public_of
from dispatcher.policy.signer import Signer, Unsignable, standard_content
from dispatcher.policy.signing import Scheme, Signing

TOLERANCE_S = 300
"""Between a signature's timestamp and our clock; the reference libraries allow the same."""

STANDARD = Signing()
HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")
MEMBER = re.compile(rb',"signature":"sha256=[0-9a-f]{64}"}')
MEMBER_BYTES = 87

FORGED = "the signature is of another secret or another body"


class Verifier:
    """Holds the secrets of which any may have signed; a `whpk_` key will do for `v1a`.

    Raises ValueError for one that is none: its text begins with `secret` and shows nothing of it.
    """

    def __init__(self, secrets: Sequence[str], signing: Signing = STANDARD) -> None:
        if signing.scheme is Scheme.NONE:
            raise ValueError("secret has nothing to verify: the scheme none signs nothing")
        self._scheme, self._header = signing.scheme, signing.header_name
        pairs = (PRIVATE, PUBLIC) if signing.scheme is Scheme.STANDARD else ()
        self._publics = [_public(secret) for secret in secrets if secret.startswith(pairs)]
        self._signers = [Signer(signing, secret) for secret in secrets if not secret.startswith(pairs)]

    def refuse(self, headers: Mapping[str, str], body: bytes, now: float) -> str | None:
        """Why the request is not to be trusted; None if it is. `now` is unix seconds."""
        match self._scheme:
            case Scheme.STANDARD:
                return self._refuse_standard(headers, body, now)
            case Scheme.GITHUB:
                return self._refuse_github(headers, body)
            case Scheme.STRIPE:
                return self._refuse_stripe(headers, body, now)
            case Scheme.EMBEDDED:
                return self._refuse_embedded(body)

    def _refuse_standard(self, headers: Mapping[str, str], body: bytes, now: float) -> str | None:
        if missing := [name for name in HEADERS if not headers.get(name)]:
            return f"no {', '.join(missing)}"
        webhook_id, timestamp, given = (headers[name] for name in HEADERS)
        if not webhook_id.isascii():
            return "webhook-id is not ASCII"
        if refusal := _refuse_time("webhook-timestamp", timestamp, now):
            return refusal
        at, tokens = int(timestamp), _raw(given).split(b" ")
        paired = self._any_of_a_pair(tokens, standard_content(webhook_id, at, body))
        return None if _any_equal(self._expected(webhook_id, at, body), tokens) or paired else FORGED

    def _refuse_github(self, headers: Mapping[str, str], body: bytes) -> str | None:
        if not (given := headers.get(self._header)):
            return f"no {self._header}"
        return None if _any_equal(self._expected("", 0, body), [_raw(given)]) else FORGED

    def _refuse_stripe(self, headers: Mapping[str, str], body: bytes, now: float) -> str | None:
        if not (given := headers.get(self._header)):
            return f"no {self._header}"
        parts = given.split(",")
        timestamp = next((part[2:] for part in parts if part.startswith("t=")), "")
        if refusal := _refuse_time(f"t= of {self._header}", timestamp, now):
            return refusal
        expected = [header.partition(b",")[2] for header in self._expected("", int(timestamp), body)]
        return None if _any_equal(expected, [_raw(part) for part in parts]) else FORGED

    def _refuse_embedded(self, body: bytes) -> str | None:
        if not MEMBER.fullmatch(body[-MEMBER_BYTES:]):
            return "the body does not end with its signature"
        core = body[:-MEMBER_BYTES] + b"}"
        try:
            expected = [signer.sign("", 0, core, with_previous=False)[1] for signer in self._signers]
        except Unsignable:
            return FORGED
        return None if _any_equal(expected, [body]) else FORGED

    def _expected(self, webhook_id: str, timestamp: int, body: bytes) -> list[bytes]:
        """The header as each of the secrets makes it."""
        made = [signer.sign(webhook_id, timestamp, body, with_previous=False) for signer in self._signers]
        return [headers[self._header].encode("ascii") for headers, _ in made]

    def _any_of_a_pair(self, tokens: Iterable[bytes], content: bytes) -> bool:
        """Whether the private half of one of our pairs made one of the tokens."""
        if not self._publics:
            return False
        from dispatcher.policy.ed25519 import is_signed  # noqa: PLC0415 as in policy/signer.py

        signatures = [_decoded(token.removeprefix(b"v1a,")) for token in tokens if token.startswith(b"v1a,")]
        return any(is_signed(public, each, content) for public in self._publics for each in signatures)


def _public(key: str) -> bytes:
    try:
        return public_of(key)
    except ValueError as error:
        raise ValueError(f"secret {error}") from None


def _raw(header: str) -> bytes:
    """As it came: aiohttp reads what is no UTF-8 into halves of surrogate pairs."""
    return header.encode("utf-8", "surrogateescape")


def _decoded(token: bytes) -> bytes:
    try:
        return a2b_base64(token, strict_mode=True)
    except Error:
        return b""


def _refuse_time(name: str, timestamp: str, now: float) -> str | None:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        return f"{name} is not a number"
    away_s = abs(now - int(timestamp))
    return f"{name} is {away_s:.0f} s away from this clock, {TOLERANCE_S} are allowed" if away_s > TOLERANCE_S else None


def _any_equal(expected: Sequence[bytes], given: Sequence[bytes]) -> bool:
    """Compares every pair, each in constant time: how long it takes says nothing about which one was right."""
    found = False
    for token in given:
        for right in expected:
            found |= hmac.compare_digest(right, token)
    return found
