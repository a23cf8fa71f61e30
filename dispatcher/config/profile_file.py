"""What a profile file may say: every key with its default and what is allowed."""

import json
import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator, model_validator

from dispatcher.config.settings import Endpoint
from dispatcher.policy.headers import FORBIDDEN_NAMES, NAME
from dispatcher.policy.profiles import API_KEY_HEADER
from dispatcher.policy.signing import MAY_BE_NAMED, Encoding, Scheme, Signing
from dispatcher.policy.template import Precision, refuse_constant

TYPE = re.compile(r"(?!webhook\.)[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
MEDIA_TYPE = re.compile(r"[a-z]+/[a-z0-9.+-]+(; ?[a-z0-9-]+=[A-Za-z0-9._-]+)*")
LARGEST_EXAMPLE = 100_000
LONGEST_TEMPLATE = 8_000
"""Far below the room that the largest body leaves round the largest data."""
OURS = "webhook-"


def _header(value: str) -> str:
    lowered = value.lower()
    if not NAME.fullmatch(value) or lowered in FORBIDDEN_NAMES or lowered.startswith(OURS):
        raise ValueError("it is not the name of a header that a profile may set, such as X-Api-Key")
    return lowered


def _media_type(value: str) -> str:
    if not MEDIA_TYPE.fullmatch(value):
        raise ValueError("it is not a media type such as application/json")
    return value


def _type(value: str) -> str:
    if not TYPE.fullmatch(value) or len(value) > 128:
        raise ValueError("it is not words of A-Z a-z 0-9 _ - joined by dots, at most 128 bytes, not below webhook.")
    return value


def _example(value: str) -> str:
    try:
        # Numbers stay texts: Postgres takes longer ones than Python does.
        json.loads(value, parse_constant=refuse_constant, parse_int=str, parse_float=str)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"it is not JSON: {error}") from None
    if len(value.encode()) > LARGEST_EXAMPLE:
        raise ValueError(f"it is longer than {LARGEST_EXAMPLE} bytes")
    return value


def _success(value: object) -> str | list[int]:
    if value == "2xx":
        return "2xx"
    if isinstance(value, list) and value and all(type(each) is int and 200 <= each <= 299 for each in value):
        return value
    raise ValueError('it must be "2xx", or a list of statuses from 200 to 299 such as [200]')


Header = Annotated[str, AfterValidator(_header)]
Line = Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f]+$")]


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Signature(Part):
    scheme: Scheme = Scheme.STANDARD
    secret: Literal["required", "optional"] = "required"  # noqa: S105 a word, not a secret
    encoding: Encoding | None = None
    header: Header | None = None

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if self.scheme is Scheme.STANDARD and self.encoding not in {None, Encoding.BASE64}:
            raise ValueError("encoding goes with github, stripe and embedded; scheme standard is always base64")
        if self.header is not None and self.scheme not in MAY_BE_NAMED:
            raise ValueError("header goes with github and stripe; the others have names of their own")
        if self.scheme is Scheme.NONE and self.model_fields_set - {"scheme"}:
            raise ValueError("scheme none signs nothing: secret and encoding go with the others")
        return self

    def signing(self) -> Signing:
        return Signing.of(self.scheme, self.encoding, self.header or "")


class Url(Part):
    https_only: bool = False
    unique: bool = False


class Entry(Part):
    name: Annotated[str, AfterValidator(_type)]
    description: Line
    example: Annotated[str, AfterValidator(_example)]


class ProfileFile(Part):
    """A profile as it is written. Keys and defaults are those of `standard`."""

    description: Line
    body: Annotated[str, Field(max_length=LONGEST_TEMPLATE)]
    content_type: Annotated[str, AfterValidator(_media_type)] = "application/json"
    timestamp: Precision = Precision.MICROSECONDS
    success: Annotated[str | list[int], PlainValidator(_success)] = "2xx"
    api_key_header: Header = API_KEY_HEADER
    required: list[Literal["name", "api_key", "headers"]] = []
    initial_state: Literal["active", "inactive"] = "active"
    strict: bool = False
    signature: Signature = Signature()
    endpoint: Endpoint = Endpoint()
    url: Url = Url()
    event_types: list[Entry] = []

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        names = [entry.name for entry in self.event_types]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"event_types has {twice} twice")
        if self.strict and not names:
            raise ValueError("strict goes with event_types: there is no catalogue to be strict about")
        if self.api_key_header == self.signature.signing().header_name:
            raise ValueError(f"api_key_header is {self.api_key_header}, which the signature is sent in")
        return self
