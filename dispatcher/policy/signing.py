"""Signatures after Standard Webhooks 1.0.0: HMAC-SHA256 over `id.timestamp.body`."""

import base64
import hmac
from binascii import Error
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Scheme(StrEnum):
    STANDARD = "standard"
    GITHUB = "github"
    STRIPE = "stripe"
    EMBEDDED = "embedded"
    NONE = "none"


class Encoding(StrEnum):
    BASE64 = "base64"
    UTF8 = "utf8"
    HEX = "hex"


@dataclass(frozen=True, slots=True)
class Signing:
    scheme: Scheme = Scheme.STANDARD
    encoding: Encoding = Encoding.BASE64
    header: str = ""

    @classmethod
    def of(cls, scheme: Scheme, encoding: Encoding | None = None, header: str = "") -> "Signing":
        return cls(scheme, encoding or (Encoding.UTF8 if scheme in MAY_BE_NAMED else Encoding.BASE64), header)

    @property
    def header_name(self) -> str:
        return (
            self.header.lower()
            if self.header
            else {"github": "x-hub-signature-256", "stripe": "stripe-signature"}.get(self.scheme, "")
        )


MAY_BE_NAMED = frozenset({Scheme.GITHUB, Scheme.STRIPE})


PREFIX = "whsec_"
SHORTEST, LONGEST = 24, 64
"""Bytes of a key, as the specification has it."""


def key_of(secret: str) -> bytes:
    """The key bytes of a secret. Raises ValueError, which says what is allowed and shows nothing of the secret."""
    if not secret.startswith(PREFIX):
        raise ValueError(f"a secret begins with {PREFIX}")
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX).encode("ascii"), validate=True)
    except (Error, UnicodeEncodeError):
        raise ValueError(f"after {PREFIX} a secret is base64") from None
    if not SHORTEST <= len(key) <= LONGEST:
        raise ValueError(f"a secret holds {SHORTEST} to {LONGEST} bytes, this one {len(key)}")
    return key


def signature(keys: Sequence[bytes], webhook_id: str, timestamp: int, body: bytes) -> str:
    """The header `webhook-signature`: a token per key, the current one first, joined by exactly one space."""
    signed = b"%b.%d.%b" % (webhook_id.encode("ascii"), timestamp, body)
    return " ".join("v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode("ascii") for key in keys)
