"""Profiles: the shape of a body, and what goes with it. A profile is data; its template is compiled once."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from dispatcher.model import Event

PLACEHOLDER = re.compile(r"\$(\w+)")


def rfc3339(at: datetime) -> str:
    """UTC, always with six digits of a second, and `Z`."""
    return f"{at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


SOURCES: dict[str, Callable[[Event], bytes]] = {
    "id": lambda event: event.webhook_id.encode(),
    "type": lambda event: event.type.encode(),
    "timestamp": lambda event: rfc3339(event.occurred_at).encode(),
    "data": lambda event: event.data,
    "context": lambda event: event.context or b"null",
}
"""What a placeholder stands for. None needs escaping: a type has no quote by its grammar, JSON goes in as it is."""


@dataclass(frozen=True, slots=True)
class Profile:
    """How requests of one kind look. `template` is the body with placeholders such as `$data`."""

    name: str
    template: str
    content_type: str = "application/json"
    api_key_header: str = "x-api-key"
    _segments: tuple[bytes | Callable[[Event], bytes], ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        parts = PLACEHOLDER.split(self.template)
        segments = [SOURCES[part] if place % 2 else part.encode() for place, part in enumerate(parts)]
        object.__setattr__(self, "_segments", tuple(segments))

    def body(self, event: Event) -> bytes:
        """The exact bytes to send and to sign: the stored bytes spliced in, never parsed and dumped again."""
        return b"".join([part if isinstance(part, bytes) else part(event) for part in self._segments])


STANDARD = Profile("standard", '{"type":"$type","timestamp":"$timestamp","data":$data}')
