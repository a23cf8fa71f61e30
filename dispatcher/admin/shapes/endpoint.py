"""An endpoint as callers send and get it."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from dispatcher.admin.cursors import OfId
from dispatcher.admin.fields import AskedType, Given, Limit, Text, Whole
from dispatcher.model import State
from dispatcher.policy.patterns import LONGEST_PATTERN, PATTERN

Url = Annotated[
    Text,
    Field(
        description="Absolute; https, or http where the configuration allows it; no user, password or fragment.",
        json_schema_extra={"minLength": 1, "maxLength": 2048, "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://[!-~]+$"},
    ),
]
Pattern = Annotated[
    Text,
    Field(json_schema_extra={"pattern": f"^{PATTERN}$", "maxLength": LONGEST_PATTERN}),
]
Types = Annotated[
    list[Pattern],
    Field(description="Event types: order.paid, order.* (all below it), * (all).", json_schema_extra={"minItems": 1}),
]
Filter = Annotated[Text, Field(description="A jsonpath predicate over data, such as $.amount > 100.")]
Name = Annotated[Text, Field(json_schema_extra={"minLength": 1, "maxLength": 200})]
Profile = Annotated[Text, Field(description="Null is the default one's.")]
Secret = Annotated[Text, Field(description="As the profile wants it; left out, one is made where it signs.")]
ApiKey = Annotated[
    Text, Field(description="Sent in the header that the profile says.", json_schema_extra={"maxLength": 4096})
]
Headers = Annotated[dict[str, Text], Field(description="Sent with every request, at most 32.")]
Timeout = Annotated[float, Field(description="Seconds.", json_schema_extra={"minimum": 2, "maximum": 30})]
InFlight = Annotated[Whole, Field(description="Requests at once.", json_schema_extra={"minimum": 1, "maximum": 1000})]
Attempts = Annotated[Whole, Field(json_schema_extra={"minimum": 1, "maximum": 100})]
Rate = Annotated[
    float, Field(description="Requests per second.", json_schema_extra={"minimum": 0.000001, "maximum": 1000000})
]
Tenant = Annotated[Text, Field(description="Whose it is.", json_schema_extra={"maxLength": 256})]


class Settings(Given):
    """What can be set, and changed. Null is as the profile says, else the configuration."""

    name: Name | None = None
    profile: Profile | None = None
    secret: Secret | None = Field(default=None, repr=False)
    api_key: ApiKey | None = Field(default=None, repr=False)
    headers: Headers | None = Field(default=None, repr=False)
    timeout_s: Timeout | None = None
    max_in_flight: InFlight | None = None
    max_attempts: Attempts | None = None
    rate_limit: Rate | None = None
    ordered: bool = Field(default=False, description="Strictly one after the other.")
    filter: Filter | None = None


class NewEndpoint(Settings):
    """An endpoint to be made."""

    url: Url
    types: Types = Field(default=["*"])
    tenant: Tenant = Field(default="", description="Whose it is; a token that is bound to a tenant gives its own.")


class Changes(Settings):
    """What is to be changed; what is left out stays. A secret replaces the former one at once."""

    url: Url = ""
    types: Types = Field(default=[])


class Subscription(BaseModel):
    """A pattern, and the filter that goes with it."""

    pattern: str
    filter: str | None


class Endpoint(BaseModel):
    """An endpoint and how it stands. A setting that is null is as its profile says, else the configuration."""

    id: int
    tenant: str
    name: str | None
    url: str = Field(description="Without its query, but to a token of scope admin.")
    profile: str | None
    types: list[str]
    filter: str | None = Field(description="That of every subscription, if they have the same one.")
    subscriptions: list[Subscription]
    has_secret: bool
    previous_secret_until: datetime | None
    has_api_key: bool
    header_names: list[str]
    timeout_s: float | None
    max_in_flight: int | None
    max_attempts: int | None
    rate_limit: float | None
    ordered: bool
    state: State
    state_reason: str | None
    state_at: datetime
    failing_since: datetime | None
    parked_until: datetime | None = Field(description="Until then only probes go out, because it fails.")
    created_at: datetime
    open: int = Field(description="Open deliveries, counted to 10,000; 10,001 means more.")
    oldest_due_at: datetime | None
    last_status: int | None = Field(description="Of the last webhook that was sent; null where there was no reply.")
    last_outcome: str | None
    last_reason: str | None = Field(description="Where there was no reply.")
    last_at: datetime | None
    delivered_1h: int = Field(description="Attempts of the last hour that were accepted.")
    failed_1h: int = Field(description="And those that were not; faults of the dispatcher are neither.")
    success_1h: float | None = Field(description="Accepted of all, 0 to 1; null where nothing was tried.")
    p95_ms_1h: int | None = Field(description="Nineteen of twenty took no longer, give or take a tenth.")
    delivered_24h: int
    failed_24h: int
    success_24h: float | None
    p95_ms_24h: int | None


class Created(Endpoint):
    """An endpoint that was just made."""

    secret: str | None = Field(description="Shown this once; null where nothing is signed.", repr=False)


class EndpointQuery(Given):
    limit: Limit = 50
    cursor: OfId | None = None
    tenant: Text | None = None
    state: list[State] = Field(default=[], description="Any of these.")
    type: AskedType | None = Field(default=None, description="Only those that are subscribed to events of this type.")


class EndpointPage(BaseModel):
    data: list[Endpoint]
    next: str | None


class Test(Given):
    """A test to be sent."""

    type: Text | None = Field(default=None, description="A type of the profile's catalogue; null is webhook.ping.")


class Sent(BaseModel):
    """A test that was sent: the delivery says what came back."""

    delivery_id: int


class Rotation(Given):
    """Another secret; the former one signs, too, for a while."""

    secret: Secret | None = Field(default=None, repr=False)
    overlap_s: float | None = Field(
        default=None, description="Seconds; null is a day.", json_schema_extra={"minimum": 0, "maximum": 604800}
    )


class Rotated(BaseModel):
    """The new secret."""

    secret: str = Field(description="Shown this once.", repr=False)
    previous_secret_until: datetime | None
