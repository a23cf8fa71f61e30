"""How many requests may be in flight: the young share one limit, the old another."""

from collections import deque
from dataclasses import dataclass

YOUNG_S = 1.0
"""A request older than this leaves the pool's count: a hundred hanging endpoints cost one slot each for one second."""


@dataclass(slots=True, eq=False)
class Slot:
    """The right to one request in flight."""

    started: float
    old: bool = False
    done: bool = False


class Pool:
    """Slots taken. Instants are seconds on the caller's monotonic clock."""

    def __init__(self, max_young: int, max_old: int) -> None:
        self._max_young = max_young
        self._max_old = max_old
        self._in_order: deque[Slot] = deque()
        self.young = 0
        self.old = 0

    def __repr__(self) -> str:
        return f"<Pool {self.young}/{self._max_young} young, {self.old}/{self._max_old} old>"

    def resize(self, max_young: int, max_old: int) -> None:
        """Other limits from now on; what is in flight beyond them ends as it would have."""
        self._max_young, self._max_old = max_young, max_old

    def has_room(self, now: float) -> bool:
        self._age(now)
        return self.young < self._max_young

    def start(self, now: float) -> Slot:
        slot = Slot(now)
        self._in_order.append(slot)
        self.young += 1
        return slot

    def finish(self, slot: Slot) -> None:
        slot.done = True
        if slot.old:
            self.old -= 1
        else:
            self.young -= 1

    def room_at(self) -> float | None:
        """When the oldest young request turns old: the instant a full pool may have room again by time alone."""
        while self._in_order and self._in_order[0].done:
            self._in_order.popleft()
        if not self._in_order or self.old >= self._max_old:
            return None
        return self._in_order[0].started + YOUNG_S

    def _age(self, now: float) -> None:
        while (turns := self.room_at()) is not None and turns <= now:
            slot = self._in_order.popleft()
            slot.old = True
            self.young -= 1
            self.old += 1
