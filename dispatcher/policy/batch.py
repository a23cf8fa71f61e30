"""How many events the next fan-out may take, so that events x matches stays bounded."""

MOST_EVENTS = 256
MOST_DELIVERIES = 2000
"""Deliveries a fan-out statement should make: about 20 ms of Postgres, which is what a burst may delay the others."""

SMOOTHING = 0.2


class Batch:
    """Learns how many deliveries an event makes; halves on failure, to find the culprit."""

    def __init__(self) -> None:
        self._matches = 1.0
        self._ceiling = MOST_EVENTS

    def __repr__(self) -> str:
        return f"<Batch {self.events} events at {self._matches:.1f} deliveries each>"

    @property
    def events(self) -> int:
        return max(1, min(self._ceiling, int(MOST_DELIVERIES / self._matches)))

    @property
    def is_single(self) -> bool:
        return self._ceiling == 1

    def took(self, events: int, deliveries: int) -> None:
        if events:
            self._ceiling = min(self._ceiling * 2, MOST_EVENTS)
            # Rising at once, falling slowly: a sudden wide event must not find a wide batch.
            seen = max(deliveries / events, 1.0)
            self._matches = max(seen, self._matches + SMOOTHING * (seen - self._matches))

    def failed(self, *, slow: bool = False) -> None:
        """Half as many next time; one by one where each try takes as long as it is allowed to."""
        self._ceiling = 1 if slow else max(1, self.events // 2)
