"""Signatures as a receiver checks them: hmac and ed25519 over the bytes that arrived."""

import base64
import hmac
import re
from collections.abc import Sequence

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from tests.support.receiver import Received

SUFFIX = 87
TAIL = re.compile(rb',"signature":"sha256=([0-9a-f]{64})"\}')


def signers(request: Received, secrets: Sequence[str]) -> list[str | None]:
    """Of each token of `webhook-signature`, in order, the secret that made it, or None.

    Raises ValueError for a malformed header.
    """
    content = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode() + request.body
    tokens = request.headers["webhook-signature"].split(" ")
    if any(token.count(",") != 1 for token in tokens):
        raise ValueError(f"webhook-signature {tokens}")
    return [next((secret for secret in secrets if _made(token, secret, content)), None) for token in tokens]


def _made(token: str, secret: str, content: bytes) -> bool:
    version, _, value = token.partition(",")
    given = base64.b64decode(value, validate=True)
    if secret.startswith("whsk_"):
        return version == "v1a" and _verified(public_of(secret), given, content)
    return version == "v1" and hmac.compare_digest(given, hmac.digest(key_of(secret), content, "sha256"))


def _verified(public: bytes, given: bytes, content: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(given, content)
    except InvalidSignature:
        return False
    return True


def key_of(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix("whsec_"), validate=True)


def public_of(secret: str) -> bytes:
    """What the customer is given of a `whsk_` key."""
    seed = base64.b64decode(secret.removeprefix("whsk_"), validate=True)[:32]
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def embedded_core(body: bytes, secret: str) -> bytes:
    """The body without the signature that is its last member. Raises ValueError where that is not of the secret."""
    tail = TAIL.fullmatch(body[-SUFFIX:])
    if tail is None:
        raise ValueError(f"no signature at the end: {body[-SUFFIX:]!r}")
    core = body[:-SUFFIX] + b"}"
    if not hmac.compare_digest(tail[1].decode(), hmac.new(key_of(secret), core, "sha256").hexdigest()):
        raise ValueError("the signature in the body is of another secret, or of other bytes")
    return core


def stripe_signed(request: Received, secret: str, header: str) -> bool:
    """Whether one of the `v1` in that header is of the secret, which is used as it is written."""
    fields = [part.partition("=")[::2] for part in request.headers[header].split(",")]
    (at,) = [value for name, value in fields if name == "t"]
    wanted = hmac.new(secret.encode(), f"{at}.".encode() + request.body, "sha256").hexdigest()
    return at == request.headers["webhook-timestamp"] and any(
        hmac.compare_digest(value, wanted) for name, value in fields if name == "v1"
    )
