"""Master keys for tests, and files of them."""

import base64
from pathlib import Path

from dispatcher.policy.sealing import Keyring

FIRST, SECOND = bytes(range(32)), bytes(range(32, 64))
NONCE = bytes(range(12))
SEALING = "set webhooks.sealing = 'on'"
"""What the dispatcher says where it writes what is sealed."""


def line(key_id: str, key: bytes = FIRST) -> str:
    return f"{key_id}:{base64.b64encode(key).decode()}"


def keyring(*lines: str) -> Keyring:
    return Keyring.read("\n".join(lines or [line("k1")]))


def keys_file(folder: Path, *lines: str, name: str = "keys") -> str:
    """Its path; only its owner may read it."""
    file = folder / name
    file.touch(0o600)
    file.write_text("".join(f"{each}\n" for each in lines or [line("k1")]))
    return str(file)
