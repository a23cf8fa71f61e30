"""The nouns of the product, once. Values only: nothing here decides, reads a clock or touches the world."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class State(StrEnum):
    """Where an endpoint stands. `paused` is an operator's word, `disabled` is ours: different people resume them."""

    INACTIVE = "inactive"
    ACTIVE = "active"
    PAUSED = "paused"
    DISABLED = "disabled"


class Outcome(StrEnum):
    """What became of a delivery when an attempt was settled; all but `retrying` end it."""

    DELIVERED = "delivered"
    RETRYING = "retrying"
    DEAD = "dead"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class Reason(StrEnum):
    """Why an attempt did not succeed. With `http_<status>` (see `http_reason`) this is the whole, closed set."""

    REDIRECT = "redirect"
    GONE = "gone"
    TIMEOUT = "timeout"
    CONNECT = "connect"
    RESET = "reset"
    DNS = "dns"
    TLS = "tls"
    PROTOCOL = "protocol"
    BLOCKED_ADDRESS = "blocked_address"
    INVALID_URL = "invalid_url"
    UNSIGNABLE = "unsignable"
    OVERSIZE = "oversize"
    SECRET = "secret"  # noqa: S105 the name of a reason, not a secret
    PROXY = "proxy"
    INTERNAL = "internal"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


OUR_FAULTS = frozenset({Reason.SECRET, Reason.PROXY, Reason.INTERNAL})
"""Reasons that spend no attempt: the receiver never had its chance."""


def http_reason(status: int) -> str:
    return f"http_{status}"


@dataclass(frozen=True, slots=True)
class Event:
    """A fact the application inserted. `data` and `context` are the stored bytes, never parsed."""

    id: UUID
    type: str
    occurred_at: datetime
    data: bytes
    context: bytes | None = None

    @property
    def size(self) -> int:
        """Bytes of payload."""
        return len(self.data) + len(self.context or b"")

    @property
    def webhook_id(self) -> str:
        """The receiver's idempotency key: the same on every attempt, to every endpoint and after a replay."""
        return f"evt_{self.id.hex}"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to, with every setting resolved: nothing here is null because a profile or the configuration says.

    `headers` is None where the row has something there that is no object of strings.
    """

    id: int
    tenant: str
    url: str
    secret: str | None = field(repr=False)
    timeout_s: float
    max_in_flight: int
    max_attempts: int
    profile: str | None = None
    previous_secret: str | None = field(default=None, repr=False)
    previous_secret_until: datetime | None = None
    api_key: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] | None = field(default_factory=dict, repr=False)
    rate_limit: float | None = None
    ordered: bool = False
    state: State = State.ACTIVE
    state_reason: str | None = None

    @property
    def is_gone(self) -> bool:
        """Whether it has answered 410: what is open for it is cancelled."""
        return self.state is State.DISABLED and self.state_reason == Reason.GONE


@dataclass(slots=True, eq=False)
class Delivery:
    """The duty to bring one event to one endpoint, as read from its row.

    `attempts` were made before this one; `version` is what a settlement must name; `age_s` was its age when read.
    """

    id: int
    endpoint_id: int
    event: Event
    attempts: int = 0
    version: int = 0
    test: bool = False
    age_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Request:
    """One POST, ready to be written: `url` is in normal form, `body` is exactly what was signed."""

    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a receiver answered. `retry_after` is its header, unread; `body` the first bytes, as they came."""

    status: int
    retry_after: str | None = None
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class NoReply:
    """Why nothing usable came back. `note` is for the operator: short, printable, without secrets."""

    reason: Reason
    note: str = ""


Answer = Reply | NoReply


@dataclass(frozen=True, slots=True)
class Settlement:
    """What one attempt (or ending without one) made of a delivery: the value that `settle` writes as a row."""

    delivery: Delivery
    outcome: Outcome
    reason: str | None = None
    status: int | None = None
    duration_ms: int = 0
    reply: bytes | None = None
    delay_s: float = 0.0
    requested: bool = True
    spent: bool = True
    note: str = ""
