"""How a dispatcher stands, in words for whoever asks."""

from dataclasses import asdict, dataclass
from typing import Literal

Role = Literal["waiting", "standby", "holder", "draining"]


@dataclass(frozen=True, slots=True)
class Standing:
    """`database` is why it is away, `other` who holds the work instead, `stuck` the loops that no longer turn."""

    role: Role
    database: str | None = None
    other: str | None = None
    epoch: int | None = None
    in_flight: int = 0
    unsettled: int = 0
    parked: int = 0
    stuck: tuple[str, ...] = ()

    def __str__(self) -> str:
        """One line, as `systemctl status` shows it."""
        return f"STUCK in {', '.join(self.stuck)}; {self._said}" if self.stuck else self._said

    @property
    def _said(self) -> str:
        work = f"{self.in_flight} in flight, {self.unsettled} unsettled"
        match self.role:
            case "draining":
                return f"Draining: {work}"
            case "standby":
                return f"Standby: the work is held by {self.other}"
            case "waiting":
                kept = f"; {work}" if self.in_flight or self.unsettled else ""
                return f"Waiting for the database: {self.database or 'connecting'}{kept}"
            case "holder":
                parked = f", {self.parked} endpoints parked" if self.parked else ""
                return f"Holding the work: {work}{parked}"

    def facts(self) -> dict[str, object]:
        return {**asdict(self), "status": str(self)}
