"""From a secret, as it is written down, to the key that signs.

Every refusal is a ValueError whose text goes on from "the secret …" and shows nothing of it. `webhooks.refuse_secret`
says the same words in SQL; tests/unit/secrets.json holds both to them.
"""

import base64
import re

from dispatcher.policy.signing import Encoding, Scheme, Signing

SYMMETRIC, PRIVATE, PUBLIC = "whsec_", "whsk_", "whpk_"
SEED = 32

# Standard Webhooks has 24 to 64 bytes; nobody guesses 16, and who writes characters has at least 8 of them.
BASE64_BYTES = (24, 64)
HEX_BYTES = (16, 64)
UTF8_BYTES = (8, 512)

# As in SQL, character by character; what b64decode() forgives has changed from one Python to the next.
BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
HEX = re.compile(r"(?:[0-9A-Fa-f]{2})*")
NOT_TEXT = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")

# The same words as in SQL.
NOT_STANDARD = "is not whsec_ or whsk_ followed by base64"
NOT_BASE64 = "is not whsec_ followed by base64"
NOT_PRIVATE = "is not whsk_ followed by base64"
NOT_PUBLIC = "is not whpk_ followed by base64"
NOT_HEX = "is not pairs of hexadecimal digits"
NOT_UTF8 = "has a control character"
NOT_A_PAIR = "has a public half that is not its seed's"
PAIR_HINT = "whsk_ and the base64 of a seed, or of a seed and its public half"


def refuse_secret(signing: Signing, secret: str) -> str | None:
    """Why `secret` is no key under `signing`, in a clause that repeats nothing of it; None if it is one."""
    if signing.scheme is Scheme.NONE:
        return None
    try:
        seed_of(secret) if is_private(signing, secret) else key_of(signing, secret)
    except ValueError as error:
        return str(error)
    return None


def refuse_pair(signing: Signing, secret: str | None) -> str | None:
    """Why the halves of an ed25519 key do not go together, which the schema cannot see; None for all else."""
    if secret is None or not is_private(signing, secret):
        return None
    why = refuse_secret(signing, secret)
    return why if why == NOT_A_PAIR else None


def is_private(signing: Signing, secret: str) -> bool:
    """Whether `secret` is the private half of a pair, of which a receiver holds the public one."""
    return signing.scheme is Scheme.STANDARD and secret.startswith(PRIVATE)


def key_of(signing: Signing, secret: str) -> bytes:
    """The bytes that HMAC takes."""
    if signing.scheme is Scheme.STANDARD:
        return _between(_decoded(secret, SYMMETRIC, NOT_STANDARD), *BASE64_BYTES)
    match signing.encoding:
        case Encoding.BASE64:
            return _between(_decoded(secret, SYMMETRIC, NOT_BASE64), *BASE64_BYTES)
        case Encoding.HEX if HEX.fullmatch(secret):
            return _between(bytes.fromhex(secret), *HEX_BYTES)
        case Encoding.HEX:
            raise ValueError(NOT_HEX)
        case Encoding.UTF8 if NOT_TEXT.search(secret):
            raise ValueError(NOT_UTF8)
        case Encoding.UTF8:
            return _between(secret.encode(), *UTF8_BYTES)


def seed_of(secret: str) -> bytes:
    """The seed in a `whsk_` secret: alone, or before the public half, which has to be its own."""
    key = _decoded(secret, PRIVATE, NOT_PRIVATE)
    if len(key) not in (SEED, 2 * SEED):
        raise ValueError(f"has a key of {len(key)} bytes, not 32 or 64")
    seed, public = key[:SEED], key[SEED:]
    if public and public != _public_of(seed):
        raise ValueError(NOT_A_PAIR)
    return seed


def public_key(secret: str) -> str:
    """What a receiver verifies with: the `whpk_` key of a `whsk_` secret."""
    return PUBLIC + base64.b64encode(_public_of(seed_of(secret))).decode("ascii")


def public_of(key: str) -> bytes:
    """The bytes of a `whpk_` key, or of the public half of a `whsk_` secret."""
    if key.startswith(PRIVATE):
        return _public_of(seed_of(key))
    return _between(_decoded(key, PUBLIC, NOT_PUBLIC), SEED, SEED)


def _public_of(seed: bytes) -> bytes:
    from dispatcher.policy import ed25519  # noqa: PLC0415 it takes 11 ms, which `listen` saves

    return ed25519.public_of(seed)


def _decoded(text: str, prefix: str, refusal: str) -> bytes:
    rest = text.removeprefix(prefix)
    if not (text.startswith(prefix) and BASE64.fullmatch(rest)):
        raise ValueError(refusal)
    return base64.b64decode(rest)


def _between(key: bytes, fewest: int, most: int) -> bytes:
    if not fewest <= len(key) <= most:
        allowed = f"{fewest} to {most}" if fewest < most else str(most)
        raise ValueError(f"has a key of {len(key)} bytes, not {allowed}")
    return key
