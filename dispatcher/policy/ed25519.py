"""Ed25519, the `v1a` of Standard Webhooks.

A module of its own: `dispatcher listen` loads the library for such keys alone. A daemon has it anyway, for sealing.
"""

from collections.abc import Callable

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


def public_of(seed: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def signs_with(seed: bytes) -> Callable[[bytes], bytes]:
    """What makes the 64 bytes of a signature."""
    return Ed25519PrivateKey.from_private_bytes(seed).sign


def is_signed(public: bytes, signature: bytes, content: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, content)
    except InvalidSignature:
        return False
    return True
