"""Secrets written as they are get sealed with the active key: what changed within a second, the rest at start."""

import secrets
from collections.abc import Iterable, Sequence
from itertools import islice

import structlog

from dispatcher.policy.sealing import NONCE, PREFIX, Keyring
from dispatcher.policy.wrapping import sealed
from dispatcher.store.secrets import Stored, look_through, read, rewrite
from dispatcher.store.session import Session

SLICE = 300

log = structlog.get_logger()


class Seal:
    """Looks through all endpoints after `again`, and at those of `note`. Without keys it does nothing."""

    def __init__(self, session: Session, keyring: Keyring | None) -> None:
        self._session = session
        self._keyring = keyring
        self._changed: dict[int, None] = {}
        self._after: int | None = 0

    def use(self, keyring: Keyring | None) -> None:
        """Other keys, perhaps: what is sealed with another one stays so until `dispatcher rekey`."""
        self._keyring = keyring
        self.again()

    def again(self) -> None:
        """Look through all of them: nobody knows which have changed."""
        self._after = 0

    def note(self, endpoint_ids: Iterable[int]) -> None:
        """These have changed, perhaps by ourselves."""
        self._changed.update(dict.fromkeys(endpoint_ids))

    async def step(self) -> int:
        """Seal what is plain in one slice of each kind; returns how many endpoints are done with."""
        if self._keyring is None:
            self._changed.clear()
            return 0
        return await self._seal_changed(self._keyring) + await self._walk(self._keyring)

    async def _seal_changed(self, keyring: Keyring) -> int:
        if not (some := list(islice(self._changed, SLICE))):
            return 0
        for endpoint_id in some:
            # Taken out first: what changes again while these are sealed must stay.
            del self._changed[endpoint_id]
        try:
            left = await self._seal(keyring, await read(self._session, some))
        except BaseException:
            self.note(some)
            raise
        self.note(left)
        return len(some) - len(left)

    async def _walk(self, keyring: Keyring) -> int:
        if self._after is None:
            return 0
        # None meanwhile: whoever says `again` while we look is obeyed.
        after, self._after = self._after, None
        try:
            last, found = await look_through(self._session, after, SLICE, PREFIX)
            left = await self._seal(keyring, found)
        except BaseException:
            self._after = after if self._after is None else self._after
            raise
        self.note(left)
        self._after = last if self._after is None else self._after
        return int(last is not None)

    async def _seal(self, keyring: Keyring, found: Sequence[Stored]) -> set[int]:
        """Returns those that somebody else was at: they are looked at again."""
        made = [(each, sealed(each.secrets, keyring, nonce, former=False)) for each in found]
        pairs = [(stored, new) for stored, new in made if new != stored.secrets]
        written = await rewrite(self._session, pairs)
        if written.done:
            log.info("secret.sealed", endpoints=len(written.done), key=keyring.active)
        for endpoint_id, note in written.refused.items():
            log.warning("secret.set_aside", endpoint_id=endpoint_id, note=note[:200])
        return {stored.endpoint_id for stored, _ in pairs} - written.done - written.refused.keys()


def nonce() -> bytes:
    return secrets.token_bytes(NONCE)
