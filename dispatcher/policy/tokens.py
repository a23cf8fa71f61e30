"""Tokens of the HTTP API: how they are written, what is kept of them, what each scope allows."""

import hmac
import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Literal

Scope = Literal["read", "operate", "admin"]

SCOPES: tuple[Scope, ...] = ("read", "operate", "admin")
"""Each includes those before it."""
RANDOM_BYTES = 32
FORM = re.compile(r"whd_([1-9][0-9]{0,17})_[A-Za-z0-9_-]{43}")
"""Its id, so that it can be looked up and revoked by what is seen of it; then 256 random bits."""
NOBODYS = bytes(32)


@dataclass(frozen=True, slots=True)
class Token:
    """What is known of a token that counts. `tenant`: whose data it sees; None is everybody's."""

    id: int
    name: str
    scope: Scope
    tenant: str | None
    digest: bytes = field(repr=False)

    def allows(self, scope: Scope) -> bool:
        return SCOPES.index(self.scope) >= SCOPES.index(scope)


def written(token_id: int, random: bytes) -> str:
    """The token's text, which is shown once. `random` is of RANDOM_BYTES."""
    return f"whd_{token_id}_{urlsafe_b64encode(random).decode().rstrip('=')}"


def id_of(text: str) -> int | None:
    """The id that it claims; None if it is no token at all."""
    found = FORM.fullmatch(text)
    return int(found[1]) if found else None


def digest(text: str) -> bytes:
    """What is stored instead of it: of 256 random bits a plain digest is enough."""
    return sha256(text.encode()).digest()


def matches(text: str, token: Token | None) -> bool:
    """Whether it is that token; takes as long where there is none."""
    kept = token.digest if token is not None else NOBODYS
    return hmac.compare_digest(digest(text), kept) and token is not None
