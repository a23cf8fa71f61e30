"""Who shows which token: looked up at most once a second each, and a flood of wrong ones costs one query a second."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from dispatcher.admin import guard
from dispatcher.admin.limits import REFUSED, SLOWED, Failures
from dispatcher.admin.problems import Problem
from dispatcher.errors import DispatcherError
from dispatcher.policy.tokens import Token, id_of, matches
from dispatcher.store import tokens
from dispatcher.store.session import Session

log = structlog.get_logger()

FRESH_S = 1.0
"""So soon does it count that a token was made, taken back or has expired."""
NOTED_S = 60.0
KNOWN = 4096
"""Tokens that are remembered; those beyond are looked up again, no more."""
AT_ONCE = 1000
DELAY_S = 1.0
LONGEST = 100
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="dispatcher"'}


@dataclass(slots=True)
class Seen:
    """What was found of an id, and when; None: nothing that counts."""

    token: Token | None
    at: float
    noted_at: float = float("-inf")


class Bearers:
    """`session` is its own: nobody's long query keeps others at the door."""

    def __init__(self, session: Session, clock: Callable[[], float]) -> None:
        self._session = session
        self._clock = clock
        self._seen: dict[int, Seen] = {}
        self._wanted: set[int] = set()
        self._turn, self._turn_of_known = asyncio.Lock(), asyncio.Lock()
        self._next_at = 0.0
        self._failures = Failures()

    def __repr__(self) -> str:
        return f"<Bearers {len(self._seen)} seen, {self._failures!r}>"

    async def who(self, headers: guard.Headers, peer: str) -> Token:
        """The token that is shown and counts. Raises `Problem`, and what `Session.fetch` raises."""
        shown = guard.values(headers, b"authorization")
        if not shown:
            what = "send a token: Authorization: Bearer whd_…"
            raise Problem("unauthenticated", what, headers=CHALLENGE, closes=True)
        text = shown[0][7:].strip() if len(shown) == 1 and shown[0][:7].lower() == "bearer " else ""
        token_id = id_of(text) if len(text) < LONGEST else None
        seen = await self._look_up(token_id) if token_id is not None else None
        token = seen.token if seen is not None else None
        if not matches(text, token) or seen is None or token is None:
            raise await self._failed(peer)
        await self._note(seen, token)
        return token

    async def _failed(self, peer: str) -> Problem:
        failures = self._failures.note(peer, self._clock())
        if failures == SLOWED + 1:
            log.warning("peer.slowed", peer=peer, failures=failures)
        if failures > SLOWED:
            await asyncio.sleep(DELAY_S)
        if failures > REFUSED:
            headers = {"Retry-After": "60"}
            return Problem("too-many", "too many wrong tokens: wait a minute", headers=headers, closes=True)
        what = 'error="invalid_token"'
        return Problem(
            "unauthenticated",
            "this token is none, or was revoked, or has expired",
            headers={"WWW-Authenticate": f"{CHALLENGE['WWW-Authenticate']}, {what}"},
            closes=True,
        )

    async def _look_up(self, token_id: int) -> Seen:
        now = self._clock()
        seen = self._seen.get(token_id)
        if seen is not None and (seen.at > now - FRESH_S):
            return seen
        # A wrong id waits for the next look; one that counted a moment ago must not wait behind wrong ones.
        if seen is not None and seen.token is not None:
            async with self._turn_of_known:
                return self._since(token_id, now) or await self._look([token_id])
        self._wanted.add(token_id)
        async with self._turn:
            if (seen := self._since(token_id, now)) is not None:
                return seen
            await asyncio.sleep(max(self._next_at - self._clock(), 0))
            wanted = [token_id, *(self._wanted - {token_id})][:AT_ONCE]
            self._wanted.difference_update(wanted)
            self._next_at = self._clock() + FRESH_S
            return await self._look(wanted)

    def _since(self, token_id: int, asked_at: float) -> Seen | None:
        """What somebody else found out meanwhile."""
        seen = self._seen.get(token_id)
        return seen if seen is not None and seen.at >= asked_at else None

    async def _look(self, ids: list[int]) -> Seen:
        """Of the first of them; what is found of the others is remembered."""
        at = self._clock()
        found = await tokens.read(self._session, ids)
        self._forget(at)
        for each in ids:
            before = self._seen.get(each)
            noted_at = before.noted_at if before is not None else float("-inf")
            self._seen[each] = Seen(found.get(each), at, noted_at)
        return self._seen[ids[0]]

    def _forget(self, now: float) -> None:
        """What counts for nothing soon; of the rest the oldest, where there are too many."""
        stale = [i for i, seen in self._seen.items() if seen.token is None and seen.at < now - FRESH_S]
        if len(self._seen) - len(stale) > KNOWN:
            stale += sorted(self._seen, key=lambda i: self._seen[i].at)[: KNOWN // 2]
        for token_id in stale:
            self._seen.pop(token_id, None)

    async def _note(self, seen: Seen, token: Token) -> None:
        now = self._clock()
        if now < seen.noted_at + NOTED_S:
            return
        seen.noted_at = now
        try:
            await tokens.note_use(self._session, token.id)
        except DispatcherError as error:
            log.debug("token.unnoted", token_id=token.id, note=str(error)[:200])
