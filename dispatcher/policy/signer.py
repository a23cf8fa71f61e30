"""Signs the requests of one endpoint, as its profile says.

`standard` is Standard Webhooks 1.0.0 over `id.timestamp.body`: HMAC-SHA256 (`v1`) or Ed25519 (`v1a`). `github` signs
the body alone, `stripe` signs `timestamp.body`. `embedded` splices the signature of a JSON object into it as its last
member, then signs what comes of that as `standard` does.
"""

import hmac
from binascii import b2a_base64
from collections.abc import Callable, Sequence
from typing import NamedTuple

from dispatcher.policy.keys import is_private, key_of, seed_of
from dispatcher.policy.signing import Scheme, Signing

WHITE_SPACE = b" \t\r\n"
"""What JSON calls so."""


class Unsignable(ValueError):
    """A body with no place for a signature: no JSON object, or one without a member."""


class Key(NamedTuple):
    """`mac` makes the bytes of a signature, `version` is what Standard Webhooks calls its kind."""

    version: str
    mac: Callable[[bytes], bytes]


class Signer:
    """Holds the keys of an endpoint. Raises ValueError, which names the column and shows nothing of the secret."""

    def __init__(self, signing: Signing, secret: str, previous: str | None = None) -> None:
        self._scheme = signing.scheme
        self._header = signing.header_name
        given = {"secret": secret} if previous is None else {"secret": secret, "previous_secret": previous}
        self._keys = [] if self._scheme is Scheme.NONE else [_key(signing, *each) for each in given.items()]

    def sign(
        self, webhook_id: str, timestamp: int, body: bytes, *, with_previous: bool
    ) -> tuple[dict[str, str], bytes]:
        """The headers that sign, and the body to send, which differs from `body` only where the signature goes inside.

        The previous secret signs after the current one, in the schemes that have room for both. Raises `Unsignable`.
        """
        keys = self._keys if with_previous else self._keys[:1]
        match self._scheme:
            case Scheme.STANDARD:
                return {self._header: _standard(keys, webhook_id, timestamp, body)}, body
            case Scheme.GITHUB:
                return {self._header: _sha256(keys[0], body)}, body
            case Scheme.STRIPE:
                return {self._header: _stripe(keys, timestamp, body)}, body
            case Scheme.EMBEDDED:
                wire = _embedded(keys[0], body)
                return {self._header: _standard(keys, webhook_id, timestamp, wire)}, wire
            case Scheme.NONE:
                return {}, body


def _key(signing: Signing, column: str, secret: str) -> Key:
    try:
        if is_private(signing, secret):
            from dispatcher.policy import ed25519  # noqa: PLC0415 it takes 11 ms, which `listen` saves

            return Key("v1a", ed25519.signs_with(seed_of(secret)))
        key = key_of(signing, secret)
    except ValueError as error:
        raise ValueError(f"{column} {error}") from None
    return Key("v1", lambda content: hmac.digest(key, content, "sha256"))


def standard_content(webhook_id: str, timestamp: int, body: bytes) -> bytes:
    """What Standard Webhooks signs."""
    return b"%b.%d.%b" % (webhook_id.encode("ascii"), timestamp, body)


def _standard(keys: Sequence[Key], webhook_id: str, timestamp: int, body: bytes) -> str:
    """A token for each key, the current one first, with exactly one space between: two break the official library."""
    content = standard_content(webhook_id, timestamp, body)
    return " ".join([f"{version},{b2a_base64(mac(content), newline=False).decode('ascii')}" for version, mac in keys])


def _stripe(keys: Sequence[Key], timestamp: int, body: bytes) -> str:
    content = b"%d.%b" % (timestamp, body)
    return ",".join([f"t={timestamp}", *(f"v1={key.mac(content).hex()}" for key in keys)])


def _sha256(key: Key, body: bytes) -> str:
    return f"sha256={key.mac(body).hex()}"


def _embedded(key: Key, body: bytes) -> bytes:
    core = body.strip(WHITE_SPACE)
    if not (core.startswith(b"{") and core.endswith(b"}") and core[1:-1].strip(WHITE_SPACE)):
        raise Unsignable("the body is not a JSON object with a member, after which a signature could go")
    return b'%b,"signature":"%b"}' % (core[:-1], _sha256(key, core).encode("ascii"))
