"""When to stop knocking at an endpoint, and what there is to remember of that across restarts."""

from dataclasses import dataclass

PROXY_S = 10.0
"""Between two tries of an endpoint while our proxy is what stands in the way: no failure of the endpoint's."""


@dataclass(frozen=True, slots=True)
class Breaker:
    """When to stop knocking: settings of section `breaker`, in seconds."""

    park_after: int = 5
    park_base_s: float = 30.0
    park_cap_s: float = 3600.0
    disable_after_s: float = 120 * 3600.0

    def park_s(self, parks: int) -> float:
        """How long, after `parks` in a row. The exponent is clamped: a float overflows, an interval sooner."""
        return min(self.park_base_s * 2.0 ** min(parks, 32), self.park_cap_s)


@dataclass(frozen=True, slots=True)
class Parked:
    endpoint_id: int
    failing_s: float
    parked_s: float
    reason: str
    is_first: bool


@dataclass(frozen=True, slots=True)
class Recovered:
    endpoint_id: int


@dataclass(frozen=True, slots=True)
class Disabled:
    endpoint_id: int
    reason: str


Transition = Parked | Recovered | Disabled
