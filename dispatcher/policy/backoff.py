"""The rule from attempt number to delay."""

from dataclasses import dataclass

STEEPEST = 64
"""Exponents are clamped here: a float overflows long before an attempt counter does."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential, capped, with jitter: `jitter` 0.2 spreads a delay over 0.8 to 1.2 of itself. All in seconds."""

    base_s: float
    factor: float
    cap_s: float
    jitter: float

    def delay_s(self, attempt: int, spin: float) -> float:
        """The wait after failed attempt `attempt`, counted from 1; `spin` in [0, 1) picks the jitter."""
        steady = min(self.base_s * self.factor ** min(attempt - 1, STEEPEST), self.cap_s)
        return steady * (1 + self.jitter * (2 * spin - 1))
