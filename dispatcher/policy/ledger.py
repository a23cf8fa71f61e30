"""Which deliveries no read may hand out again, although it may still see them."""

from collections import deque
from collections.abc import Iterable


class Ledger:
    """Remembers settled deliveries for as long as a read that began before their commit may still return them.

    Reads carry rising tickets. What settles while ticket 7 is the newest open read is remembered until every read up
    to 7 has ended: a later one began after the commit and cannot see the old row.
    """

    def __init__(self) -> None:
        self._issued = 0
        self._open: set[int] = set()
        self._fading: deque[tuple[int, list[int]]] = deque()
        self._remembered: set[int] = set()

    def __repr__(self) -> str:
        return f"<Ledger {len(self._remembered)} remembered, {len(self._open)} reads open>"

    def __contains__(self, delivery_id: int) -> bool:
        return delivery_id in self._remembered

    def begin(self) -> int:
        """A read begins; `end` takes the ticket, whatever became of it."""
        self._issued += 1
        self._open.add(self._issued)
        return self._issued

    def end(self, ticket: int) -> None:
        self._open.discard(ticket)
        oldest = min(self._open, default=self._issued + 1)
        while self._fading and self._fading[0][0] < oldest:
            self._remembered.difference_update(self._fading.popleft()[1])

    def settled(self, delivery_ids: Iterable[int]) -> None:
        """These have been written, and the answer has come back."""
        if self._open:
            ids = list(delivery_ids)
            self._fading.append((self._issued, ids))
            self._remembered.update(ids)
