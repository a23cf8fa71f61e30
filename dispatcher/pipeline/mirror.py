"""What the profile files say, written where SQL checks against it: when the work is taken, and wherever it differs."""

import structlog

from dispatcher.errors import StatementFailed
from dispatcher.policy.profiles import Profiles
from dispatcher.store.profiles import mirror
from dispatcher.store.session import Session

EVERY_S = 10.0
"""Somebody may have written others: `dispatcher migrate` under another configuration, say."""

log = structlog.get_logger()


class Mirror:
    """`profiles` may be replaced, and is then written by the next step."""

    def __init__(self, session: Session, profiles: Profiles) -> None:
        self._session = session
        self.profiles = profiles

    async def step(self) -> int:
        """Write them where they differ; returns 0."""
        await mirror(self._session, self.profiles, alone=True)
        return 0

    async def begin(self, session: Session) -> None:
        """Write them before anything starts. Somebody's lock on them does not keep us from the work."""
        try:
            await mirror(session, self.profiles, alone=True)
        except StatementFailed as error:
            log.warning("profile.deferred", note=str(error)[:200])
