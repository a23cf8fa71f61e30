"""What a customer is told of a profile, as facts."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from dispatcher.cli.promises import sample
from dispatcher.cli.promises.known import Known, signature_header, success
from dispatcher.cli.promises.verifying import Verification, verification
from dispatcher.policy.profiles import Profile
from dispatcher.policy.template import DIGITS, PLACEHOLDER, WHOLE, Precision

MARK = "\ue000"
"""Before a placeholder's name, where a template is read as JSON."""
ONLY = MARK + "{}" + MARK
SAME_ID = "the id of the event, as in the header `webhook-id`"
WHEN = "when it happened"
INSTANTS = {
    Precision.SECONDS: "in UTC, to the second",
    Precision.MILLISECONDS: "in UTC, to the millisecond",
    Precision.MICROSECONDS: "in UTC, to the microsecond",
    Precision.UNIX: "in seconds since 1970",
}


@dataclass(frozen=True, slots=True)
class Part:
    """A header or a member of the body."""

    name: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Documented:
    """An event type; `example` is its data, `body` the whole body of such a request."""

    name: str
    description: str
    example: str
    body: str


@dataclass(frozen=True, slots=True)
class Contract:
    profile: str
    headers: list[Part]
    members: list[Part]
    sample_headers: dict[str, str]
    sample_body: str
    success: str | list[int]
    timeout_s: float
    retries_s: list[float]
    jitter: float
    disabled_after_s: float
    takes_http: bool
    unique_url: bool
    required: tuple[str, ...]
    api_key_header: str
    initial_state: str
    verification: Verification
    event_types: list[Documented]

    @property
    def keyed(self) -> dict[str, Any]:
        return asdict(self)


def contract(known: Known, profile: Profile) -> Contract:
    given = known.endpoint(profile)
    return Contract(
        profile=profile.name,
        headers=list(_headers(profile)),
        members=list(_members(profile)),
        sample_headers=sample.headers(profile),
        sample_body=sample.body(profile, sample.first(profile)),
        success=success(profile),
        timeout_s=given.timeout_s,
        retries_s=known.delays_s(profile),
        jitter=given.jitter,
        disabled_after_s=known.settings.breaker.disable_after_h * 3600,
        takes_http=known.takes_http(profile),
        unique_url=profile.unique_url,
        required=profile.required,
        api_key_header=profile.api_key_header,
        initial_state=profile.initial_state,
        verification=verification(profile),
        event_types=[
            Documented(entry.name, entry.description, entry.example, sample.body(profile, entry))
            for entry in profile.event_types
        ],
    )


def _headers(profile: Profile) -> Iterator[Part]:
    yield Part("content-type", f"always `{profile.content_type}`")
    yield Part("webhook-id", "the id of the event: the same however often it is sent")
    yield Part("webhook-timestamp", "when this request was sent, in seconds since 1970")
    if name := signature_header(profile):
        where = "" if profile.needs_secret else ", where the webhook has a secret"
        yield Part(name, f"the signature{where}: see [Verify the signature](#verify-the-signature)")
    key = "" if "api_key" in profile.required else ", where it has one"
    yield Part(profile.api_key_header, f"the API key of the webhook{key}")


def _members(profile: Profile) -> Iterator[Part]:
    """The members of the body in their order, those inside others too, as `outer.inner`."""
    yield from _walked(profile, _read(profile), "")


def path_of_type(profile: Profile) -> tuple[str, ...]:
    """The member of a body that is its type, after those that it is inside of; empty where none is."""

    def found(members: dict[str, Any], before: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        for name, value in members.items():
            if value == ONLY.format("type"):
                yield (*before, name)
            elif isinstance(value, dict):
                yield from found(value, (*before, name))

    return next(found(_read(profile), ()), ())


def _read(profile: Profile) -> dict[str, Any]:
    """The template as JSON, with marked names where its placeholders are."""

    def marked(name: str) -> str:
        if name == "timestamp" and profile.template.precision is Precision.UNIX:
            return DIGITS  # between quotes or not
        return "$" if name == "$" else json.dumps(ONLY.format(name)) if name in WHOLE else ONLY.format(name)

    text = PLACEHOLDER.sub(lambda match: marked(match[1]), profile.template.text)
    made: dict[str, Any] = json.loads(text, parse_int=_timestamp)
    return made


def _timestamp(digits: str) -> int | str:
    return ONLY.format("timestamp") if digits == DIGITS else int(digits)


def _walked(profile: Profile, members: dict[str, Any], before: str) -> Iterator[Part]:
    for name, value in members.items():
        if isinstance(value, dict) and value:
            yield from _walked(profile, value, f"{before}{name}.")
        else:
            yield Part(before + name, _meaning(profile, value))


def _meaning(profile: Profile, value: object) -> str:
    if isinstance(value, str):
        value = value.replace(DIGITS, ONLY.format("timestamp"))
    for name, meaning in _meanings(profile).items():
        if value == ONLY.format(name):
            return meaning
    text = json.dumps(value, ensure_ascii=False)
    if MARK not in text:
        return f"always `{text}`"
    names = [name for name in _meanings(profile) if ONLY.format(name) in text]
    for name in names:
        text = text.replace(ONLY.format(name), f"<{name}>")
    return f"`{text}`: {'; '.join(f'`<{name}>` is {_meanings(profile)[name]}' for name in names)}"


def _meanings(profile: Profile) -> dict[str, str]:
    where = "" if profile.needs_secret else "; only where the webhook has a secret"
    return {
        "id": SAME_ID,
        "type": "what happened: one of the [event types](#event-types)",
        "timestamp": f"{WHEN}, {INSTANTS[profile.template.precision]}",
        "data": "the details, which differ from one event type to another",
        "context": "the context in which it happened: any JSON value, or `null`",
        "tenant": "the account in which it happened",
        "signature": f"the signature, `sha256=` and 64 hexadecimal digits{where}: see "
        "[Verify the signature](#verify-the-signature)",
    }
