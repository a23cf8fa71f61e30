"""Secrets at rest: AES-256-GCM under a key that Postgres never sees, each value bound to its row and its place there.

A sealed value is the text `sealed:v1:KEY_ID:BASE64(nonce ‖ ciphertext ‖ tag)`. Every endpoint has a subkey of its own,
and what a value is for is authenticated with it: moved to another row, tenant or column it does not open.
"""

import base64
import re
from binascii import Error
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

PREFIX = "sealed:v1:"
PURPOSE = "webhooks/secret/v1"
KEY, NONCE, TAG = 32, 12, 16
"""Bytes."""

SECRET, API_KEY = "secret", "api_key"
"""Kinds: the previous secret is a `secret`, too, since rotation moves the one into the other inside Postgres."""

KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")
SEALED = re.compile(rf"{PREFIX}({KEY_ID.pattern}):([A-Za-z0-9+/]+={{0,2}})")
DAMAGED = "(damaged)"
LINE = "a line is ID:BASE64, an id of at most 32 letters, digits, _ or -, and the base64 of 32 random bytes"


class SealedShut(ValueError):
    """A sealed value that cannot be opened; the message says why, after its column's name, and shows nothing of it."""


def header(name: str) -> str:
    """The kind of a header's value."""
    return f"header:{name.lower()}"


def is_sealed(value: str) -> bool:
    """By its beginning alone: what is damaged must not be taken for plain, and sent or sealed again."""
    return value.startswith(PREFIX)


def kid_of(value: str) -> str | None:
    """The id of the key it is sealed with; None where it is plain. What is damaged is not shown."""
    if not is_sealed(value):
        return None
    key_id = value.removeprefix(PREFIX).partition(":")[0]
    return key_id if KEY_ID.fullmatch(key_id) else DAMAGED


@dataclass(frozen=True, slots=True)
class Keyring:
    """The master keys by their ids; the first is `active` and seals, all of them open."""

    active: str
    _keys: Mapping[str, bytes] = field(repr=False)

    @classmethod
    def read(cls, text: str) -> Self:
        """From the text of a keys file. Raises ValueError with the line's number; no key is in its message."""
        keys: dict[str, bytes] = {}
        for number, line in enumerate(text.splitlines(), 1):
            if (said := line.strip()) and not said.startswith("#"):
                try:
                    key_id, key = _read_line(said)
                    if key_id in keys:
                        raise ValueError(f"key {key_id} is there twice; each id once")  # noqa: TRY301 it gets its line
                except ValueError as error:
                    raise ValueError(f"line {number}: {error}") from None
                keys[key_id] = key
        if not keys:
            raise ValueError(f"there is no key in it; {LINE}")
        return cls(next(iter(keys)), keys)

    @property
    def ids(self) -> tuple[str, ...]:
        """In the order of the file."""
        return tuple(self._keys)

    def seal(self, value: str, tenant: str, endpoint_id: int, kind: str, nonce: bytes) -> str:
        """`nonce`: 12 random bytes, fresh for each call."""
        if len(nonce) != NONCE:
            raise ValueError(f"a nonce has {NONCE} bytes, this one {len(nonce)}")
        cipher = _cipher(self._keys[self.active], endpoint_id)
        box = nonce + cipher.encrypt(nonce, value.encode(), _bound_to(tenant, endpoint_id, kind))
        return f"{PREFIX}{self.active}:{base64.b64encode(box).decode('ascii')}"

    def open(self, value: str, tenant: str, endpoint_id: int, kind: str) -> str:
        """What was sealed. Raises `SealedShut`, in a clause about the value."""
        sealed = SEALED.fullmatch(value)
        box = _decoded(sealed[2]) if sealed else None
        if sealed is None or box is None or len(box) < NONCE + TAG:
            raise SealedShut("is sealed, and malformed: it was cut or changed; write it anew")
        key = self._keys.get(sealed[1])
        if key is None:
            known = ", ".join(self._keys)
            raise SealedShut(f"is sealed with key {sealed[1]}, which secrets.keys_file does not have ({known})")
        try:
            opened = _cipher(key, endpoint_id).decrypt(box[:NONCE], box[NONCE:], _bound_to(tenant, endpoint_id, kind))
        except InvalidTag:
            raise SealedShut(
                f"cannot be opened with key {sealed[1]}: it was changed, comes from another row, or "
                f"secrets.keys_file has another key of that id"
            ) from None
        return opened.decode()


def _read_line(line: str) -> tuple[str, bytes]:
    key_id, colon, text = line.partition(":")
    # Nothing of the line is repeated: where the colon is missing, its beginning is the key's.
    if not colon:
        raise ValueError(f"there is no colon; {LINE}")
    if not KEY_ID.fullmatch(key_id):
        raise ValueError(f"its id is not one; {LINE}")
    key = _decoded(text.strip())
    if key is None:
        raise ValueError(f"after {key_id}: comes no base64; {LINE}")
    if len(key) != KEY:
        raise ValueError(f"key {key_id} has {len(key)} bytes; {LINE}")
    return key_id, key


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except (Error, UnicodeEncodeError):
        return None


def _cipher(master: bytes, endpoint_id: int) -> AESGCM:
    info = f"{PURPOSE}|{endpoint_id}".encode("ascii")
    return AESGCM(HKDF(algorithm=SHA256(), length=KEY, salt=None, info=info).derive(master))


def _bound_to(tenant: str, endpoint_id: int, kind: str) -> bytes:
    # Neither an id nor a kind has a bar in it: whatever the tenant is called, no two rows read the same.
    return f"{PURPOSE}|{tenant}|{endpoint_id}|{kind}".encode()
