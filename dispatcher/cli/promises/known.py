"""The profiles of a configuration, and where each of their values comes from."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dispatcher.config import (
    Settings,
    backoff_of,
    endpoint_of,
    load,
    load_profiles,
    nearest,
    shipped_folder,
    source_of_keys,
)
from dispatcher.config.settings import Endpoint
from dispatcher.errors import ConfigError
from dispatcher.policy.profiles import Profile, Profiles

DEFAULT = "default"
STEADY = 0.5
"""The spin that picks no jitter at all."""


@dataclass(frozen=True, slots=True)
class Value:
    """One that is in force. `source` is a file, a variable, a credential, or the word default."""

    key: str
    value: Any
    source: str


@dataclass(frozen=True, slots=True)
class Known:
    settings: Settings
    profiles: Profiles
    sources: Mapping[str, str]

    def named(self, name: str) -> Profile:
        """Raises `ConfigError`, which names the nearest."""
        if profile := self.profiles.by_name.get(name):
            return profile
        nowhere = "" if self.settings.dispatch.profiles_dir else ", and dispatch.profiles_dir is not set"
        raise ConfigError(f"there is no profile {name!r}{nowhere}{nearest(name, list(self.profiles.by_name))}")

    def endpoint(self, profile: Profile) -> Endpoint:
        """What holds for its endpoints whose row says nothing."""
        return endpoint_of(self.settings, profile)

    def delays_s(self, profile: Profile) -> list[float]:
        """The wait before each attempt after the first, without jitter."""
        given = self.endpoint(profile)
        backoff = backoff_of(given)
        return [backoff.delay_s(attempt, STEADY) for attempt in range(1, given.max_attempts)]

    def takes_http(self, profile: Profile) -> bool:
        return self.settings.egress.allow_http and not profile.https_only

    def values(self, profile: Profile) -> Iterator[Value]:
        """All that is in force, by the keys of a profile's file."""
        given, signing = self.endpoint(profile), profile.signing
        for key, value in {
            "body": profile.template.text,
            "content_type": profile.content_type,
            "timestamp": profile.template.precision,
            "success": success(profile),
            "api_key_header": profile.api_key_header,
            "required": profile.required,
            "initial_state": profile.initial_state,
            "strict": profile.strict,
            "signature.scheme": signing.scheme,
            "signature.secret": profile.secret,
            "signature.encoding": signing.encoding if profile.takes_secret else None,
            "signature.header": signature_header(profile),
            **{f"endpoint.{key}": getattr(given, key) for key in Endpoint.model_fields},
            "url.https_only": profile.https_only,
            "url.unique": profile.unique_url,
        }.items():
            yield Value(key, value, self.source(profile, key))

    def source(self, profile: Profile, key: str) -> str:
        """Where a key of a profile's file has its value from."""
        return profile.origin if key in profile.given else self.sources.get(key, DEFAULT)


def read(config: Path | None) -> Known:
    """Raises `ConfigError` for a configuration, or a profile's file, that is not understood."""
    settings = load(config, os.environ)
    return Known(settings, load_profiles(settings), source_of_keys(config, os.environ))


def is_shipped(profile: Profile) -> bool:
    return Path(profile.origin).parent == shipped_folder()


def success(profile: Profile) -> str | list[int]:
    """As a profile's file has it."""
    return "2xx" if profile.success is None else sorted(profile.success)


def signature_header(profile: Profile) -> str | None:
    """Where a signature is sent; a body that carries one is signed in a header, too."""
    return profile.signing.header_name or None
