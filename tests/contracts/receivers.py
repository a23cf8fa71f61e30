"""Receivers as the customers of each product write them: from what they were promised, without a line of dispatcher's.

A contract reads one request and says what is wrong with it; nothing is wrong with a request that keeps its promises.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from tests.contracts.signatures import embedded_core, signers
from tests.support.receiver import Received

MICROSECONDS, SECONDS = 6, 0
ANY_2XX = frozenset(range(200, 300))
CLOCKS_APART_S = 300
ID = re.compile(r"evt_[0-9a-f]{32}")
JSON_SPACE = " \t\r\n"


@dataclass(frozen=True)
class Sent:
    """An event, as the producer knows it."""

    id: UUID
    type: str
    data: str
    at: datetime
    context: str | None = None


@dataclass(frozen=True, eq=False)
class Contract:
    """`members` of the body, in their order: what each stands for, or the JSON text it always is.

    `signature`: "headers" where a secret is set, "body" likewise, or "none"; `always_signed` leaves no choice.
    """

    profile: str
    members: Mapping[str, str]
    deadline_s: float
    digits: int = SECONDS
    content_type: str = "application/json"
    in_order: bool = True
    accepts: frozenset[int] = ANY_2XX
    attempts: int = 14
    https_only: bool = False
    signature: str = "headers"
    always_signed: bool = False
    required: Mapping[str, object] = field(default_factory=dict)

    def complaints(
        self, request: Received, sent: Sent, secret: str | None = None, api_key: str | None = None
    ) -> list[str]:
        """All that is wrong with a request for that event; `secret` is what the customer has been shown."""
        try:
            return [
                *_about_headers(self, request, sent, api_key),
                *_about_signature(self, request, secret),
                *_about_body(self, request, sent, secret),
            ]
        except (ValueError, KeyError, IndexError) as error:
            return [f"cannot be read: {error!r} in {request.body[:200]!r}"]


def _about_headers(contract: Contract, request: Received, sent: Sent, api_key: str | None) -> Iterator[str]:
    headers = request.headers
    names = [name.lower() for name, _ in request.raw_headers]
    if request.method != "POST":
        yield f"method {request.method}"
    if len(names) != len(set(names)):
        yield f"a header is there twice: {names}"
    if headers["content-type"] != contract.content_type:
        yield f"content-type {headers['content-type']}"
    if not ID.fullmatch(headers["webhook-id"]) or headers["webhook-id"] != f"evt_{sent.id.hex}":
        yield f"webhook-id {headers['webhook-id']}"
    if abs(int(headers["webhook-timestamp"]) - datetime.now(UTC).timestamp()) > CLOCKS_APART_S:
        yield f"webhook-timestamp {headers['webhook-timestamp']}"
    if not re.fullmatch(r"dispatcher/\d+\.\d+\S*", headers["user-agent"]):
        yield f"user-agent {headers['user-agent']}"
    if headers.get("x-api-key") != api_key:
        yield f"x-api-key {headers.get('x-api-key')}, not {api_key}"


def _about_signature(contract: Contract, request: Received, secret: str | None) -> Iterator[str]:
    header = request.headers.get("webhook-signature")
    if contract.always_signed and secret is None:
        yield "nobody was given a secret"
    if contract.signature == "none" or secret is None:
        if header is not None:
            yield f"signed without a secret: {header}"
    elif signers(request, [secret]) != [secret]:
        yield f"webhook-signature {header} is not of {secret}"


def _about_body(contract: Contract, request: Received, sent: Sent, secret: str | None) -> Iterator[str]:
    body = request.body
    if contract.signature == "body" and secret is not None:
        body = embedded_core(body, secret)
    found = members(body)
    names = [name for name, _ in found]
    if (names if contract.in_order else sorted(names)) != (
        list(contract.members) if contract.in_order else sorted(contract.members)
    ):
        yield f"members {names}"
    wanted = {
        "type": f'"{sent.type}"',
        "id": f'"{request.headers["webhook-id"]}"',
        "time": f'"{sent.at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}{fraction(sent.at, contract.digits)}Z"',
        "data": sent.data,
        "context": sent.context or "null",
    }
    for name, raw in found:
        meant = contract.members.get(name, "nothing")
        if raw != wanted.get(meant, meant):
            yield f"{name} is {raw[:200]}, not {wanted.get(meant, meant)[:200]}"


def fraction(at: datetime, digits: int) -> str:
    return f".{at.microsecond:06}"[: digits + 1] if digits else ""


def members(body: bytes) -> list[tuple[str, str]]:
    """Name and value of each member of the object, the value as it is written, white space included."""
    text, found = body.decode("utf-8", "strict"), []
    decoder = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_refuse)
    at = 0
    while not found or text[at] == ",":
        if not found and text[0] != "{":
            raise ValueError("no object")
        name, at = decoder.raw_decode(text, at + 1)
        if text[at] != ":" or not isinstance(name, str):
            raise ValueError(f"no member at {at}")
        begins = at + 1
        _, at = decoder.raw_decode(text, _past_space(text, begins))
        at = _past_space(text, at)
        found.append((name, text[begins:at]))
    if text[at:] != "}":
        raise ValueError(f"no end at {at}")
    return found


def _past_space(text: str, at: int) -> int:
    while text[at] in JSON_SPACE:
        at += 1
    return at


def _refuse(name: str) -> object:
    raise ValueError(f"{name} is no JSON")


MADYIS = Contract("madyis", {"event": "type", "id": "id", "timestamp": "time", "data": "data"}, deadline_s=15)
MANYSENDS = Contract(
    "manysends",
    {"event": "type", "timestamp": "time", "data": "data"},
    deadline_s=30,
    accepts=frozenset({200}),
    https_only=True,
    signature="body",
)
CONTEXT = Contract(
    "context",
    {"event_time": "time", "event_type": "type", "current_context": "context", "data": "data"},
    deadline_s=15,
    signature="none",
    required={"name": "Orders to the warehouse"},
)
HELLOMATEO = Contract(
    "hellomateo",
    {"type": "type", "timestamp": "time", "data": "data"},
    deadline_s=2,
    attempts=1 + 3,
    https_only=True,
)
SYDX = Contract(
    "sydx",
    {"id": "id", "event": "type", "timestamp": "time", "data": "data"},
    deadline_s=5,
    accepts=frozenset({200}),
    https_only=True,
    always_signed=True,
)
STANDARD = Contract(
    "standard",
    {"type": "type", "timestamp": "time", "data": "data"},
    deadline_s=15,
    digits=MICROSECONDS,
    always_signed=True,
)
# CloudEvents 1.0 promises no order; `source` is of the sender's choosing, and has to stay the same.
CLOUDEVENTS = Contract(
    "cloudevents",
    {
        "specversion": '"1.0"',
        "id": "id",
        "source": '"/webhooks"',
        "type": "type",
        "time": "time",
        "datacontenttype": '"application/json"',
        "data": "data",
    },
    deadline_s=15,
    digits=MICROSECONDS,
    content_type="application/cloudevents+json",
    in_order=False,
    always_signed=True,
)

CONTRACTS = (MADYIS, MANYSENDS, CONTEXT, HELLOMATEO, SYDX, STANDARD, CLOUDEVENTS)
