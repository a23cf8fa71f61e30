"""Profiles: what the receivers of a product were promised, as data. A profile never has code of its own."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from dispatcher.model import Event, State
from dispatcher.policy.signing import Scheme, Signing
from dispatcher.policy.template import Template

API_KEY_HEADER = "x-api-key"


@dataclass(frozen=True, slots=True)
class EventType:
    """An entry of a catalogue. `example` is JSON text, sent as it is written."""

    name: str
    description: str
    example: str


@dataclass(frozen=True, slots=True)
class Profile:
    """The contract of one kind of endpoints. `success` are the statuses that count; None: every 2xx.

    `overrides` are keys of the configuration's [endpoint] for endpoints whose row says nothing. `origin` is the file it
    was read from and `given` the keys that it says, such as `url.unique`: for people.
    """

    name: str
    template: Template
    description: str = ""
    content_type: str = "application/json"
    signing: Signing = field(default_factory=Signing)
    needs_secret: bool = True
    success: frozenset[int] | None = None
    api_key_header: str = API_KEY_HEADER
    required: tuple[str, ...] = ()
    initial_state: State = State.ACTIVE
    strict: bool = False
    overrides: Mapping[str, float] = field(default_factory=dict)
    https_only: bool = False
    unique_url: bool = False
    event_types: tuple[EventType, ...] = ()
    origin: str = ""
    given: frozenset[str] = frozenset()

    @property
    def takes_secret(self) -> bool:
        return self.signing.scheme is not Scheme.NONE

    @property
    def secret(self) -> str:
        """What an endpoint has of one: required, optional or none."""
        return "none" if not self.takes_secret else "required" if self.needs_secret else "optional"

    def body(self, event: Event, tenant: str = "") -> bytes:
        """The exact bytes to sign, and to send but for a signature that the scheme puts inside."""
        return self.template.body(event, tenant)

    def refuse_url(self, scheme: str) -> str | None:
        """Why this profile refuses a URL of that scheme; None if it does not."""
        return f"profile {self.name} takes https only" if self.https_only and scheme != "https" else None


@dataclass(frozen=True, slots=True)
class Profiles:
    """All that are loaded, and which of them is meant where an endpoint names none."""

    by_name: Mapping[str, Profile]
    default: str

    def get(self, name: str | None) -> Profile | None:
        return self.by_name.get(name or self.default)
