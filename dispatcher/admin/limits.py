"""How often a peer may fail, and a token ask. Pure but for what they remember; the time is handed in."""

from collections import OrderedDict, deque

SLOWED, REFUSED, FAILURES_S = 10, 60, 60.0
"""Wrong tokens of a peer within a minute: from the first on it waits for each answer, from the second it is told to."""
REQUESTS_S, BURST = 50.0, 100.0
PEERS, TOKENS = 4096, 4096
"""Remembered at most; the one that was quiet for longest is forgotten first."""


class Failures:
    """Who showed wrong tokens, and when."""

    def __init__(self) -> None:
        self._peers: OrderedDict[str, deque[float]] = OrderedDict()

    def __repr__(self) -> str:
        return f"<Failures of {len(self._peers)} peers>"

    def note(self, peer: str, now: float) -> int:
        """One more; how many it is within the last minute, counted a little beyond what is allowed."""
        times = self._peers.setdefault(peer, deque(maxlen=REFUSED + 1))
        self._peers.move_to_end(peer)
        while times and times[0] <= now - FAILURES_S:
            times.popleft()
        times.append(now)
        if len(self._peers) > PEERS:
            self._peers.popitem(last=False)
        return len(times)


class Rates:
    """A bucket of requests per token: filled evenly, emptied at will."""

    def __init__(self) -> None:
        self._buckets: OrderedDict[int, tuple[float, float]] = OrderedDict()

    def __repr__(self) -> str:
        return f"<Rates of {len(self._buckets)} tokens>"

    def take(self, token_id: int, now: float) -> float:
        """Take one; 0, or how many seconds until there is one."""
        left, at = self._buckets.pop(token_id, (BURST, now))
        left = min(left + (now - at) * REQUESTS_S, BURST)
        short = left < 1
        self._buckets[token_id] = (left if short else left - 1, now)
        if len(self._buckets) > TOKENS:
            self._buckets.popitem(last=False)
        return (1 - left) / REQUESTS_S if short else 0.0
