"""What the profile files say, written where SQL checks against it: when the work is taken, and after a reload."""

from dispatcher.policy.profiles import Profiles
from dispatcher.store import profiles as store
from dispatcher.store.session import Session

EVERY_S = 60.0


class Mirror:
    """Holds what is to be written; `profiles` may be replaced, and is then written by the next step."""

    def __init__(self, session: Session, profiles: Profiles) -> None:
        self._session = session
        self._written: Profiles | None = None
        self.profiles = profiles

    async def step(self) -> int:
        """Write them, unless they are; returns 0."""
        if self._written is not self.profiles:
            await self.write(self._session)
        return 0

    async def write(self, session: Session) -> None:
        """Write them in any case: somebody else may have written others meanwhile."""
        profiles = self.profiles
        await store.mirror(session, profiles, alone=True)
        self._written = profiles
