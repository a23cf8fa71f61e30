"""Profiles: those that are shipped and the operator's own, read and checked before anything starts."""

import errno
import re
import tomllib
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from dispatcher.config.profile_file import Entry, ProfileFile, Signature, Url
from dispatcher.config.settings import Endpoint, Settings
from dispatcher.errors import ConfigError
from dispatcher.model import State
from dispatcher.policy.backoff import Backoff
from dispatcher.policy.profiles import EventType, Profile, Profiles
from dispatcher.policy.signing import Scheme
from dispatcher.policy.template import Template

NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
LONGEST_SHOWN = 100
LARGEST_FILE = 4_000_000


def load_profiles(settings: Settings) -> Profiles:
    """The shipped ones and those of `dispatch.profiles_dir`, where one of a shipped name stands in its place.

    Raises `ConfigError` with a line for each problem: file, key, what is allowed.
    """
    problems: list[str] = []
    by_name = {
        profile.name: profile
        for path in (*_files(shipped_folder()), *_own(settings.dispatch.profiles_dir, problems))
        if (profile := _read(path, problems))
    }
    if (default := settings.dispatch.profile) not in by_name:
        problems.append(f"dispatch.profile is {default!r}: there is no such profile{nearest(default, list(by_name))}")
    if problems:
        raise ConfigError("\n".join(problems))
    return Profiles(by_name, default)


def endpoint_of(settings: Settings, profile: Profile | None) -> Endpoint:
    """What holds for endpoints of this profile whose row says nothing."""
    return settings.endpoint.model_copy(update=dict(profile.overrides)) if profile else settings.endpoint


def backoff_of(given: Endpoint) -> Backoff:
    return Backoff(given.backoff_base_s, given.backoff_factor, given.backoff_cap_s, given.jitter)


def shipped_folder() -> Path:
    """Beside the package in a checkout, inside it when installed."""
    package = Path(__file__).parent.parent
    here = package / "profiles"
    return here if here.exists() else package.parent / "config" / "profiles"


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix == ".toml")


def _own(folder: str, problems: list[str]) -> list[Path]:
    if not folder:
        return []
    try:
        return _files(Path(folder))
    except OSError as error:
        problems.append(f"dispatch.profiles_dir is {folder!r}: it must be a folder that can be read ({error.strerror})")
        return []


def _read(path: Path, problems: list[str]) -> Profile | None:
    if not NAME.fullmatch(path.stem):
        problems.append(
            f"{path}: a profile is called like its file: a letter, then letters, digits, - or _, all lower case"
        )
        return None
    try:
        return _profile(path.stem, ProfileFile.model_validate(tomllib.loads(_text(path))), str(path))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        problems.append(f"{path}: {why}; it must be a readable TOML file")
    except ValidationError as error:
        problems += [f"{path}: {_sentence(each)}" for each in error.errors(include_url=False)]
    except ValueError as error:
        problems.append(f"{path}: body: {error}")
    return None


def _text(path: Path) -> str:
    # A pipe would be waited for, by a daemon that is told to reload.
    if not path.is_file():
        raise OSError(errno.EINVAL, "not a file")
    if path.stat().st_size > LARGEST_FILE:
        raise OSError(errno.EFBIG, f"larger than {LARGEST_FILE:,} bytes")
    return path.read_text("utf-8")


def _profile(name: str, file: ProfileFile, origin: str) -> Profile:
    signing = file.signature.signing()
    return Profile(
        name=name,
        template=Template(file.body, file.timestamp, signed=signing.scheme is Scheme.EMBEDDED),
        description=file.description,
        content_type=file.content_type,
        signing=signing,
        needs_secret=file.signature.secret == "required" and signing.scheme is not Scheme.NONE,  # noqa: S105 a word
        success=None if file.success == "2xx" else frozenset(map(int, file.success)),
        api_key_header=file.api_key_header,
        required=tuple(file.required),
        initial_state=State(file.initial_state),
        strict=file.strict,
        overrides={key: getattr(file.endpoint, key) for key in sorted(file.endpoint.model_fields_set)},
        https_only=file.url.https_only,
        unique_url=file.url.unique,
        event_types=tuple(EventType(entry.name, entry.description, entry.example) for entry in file.event_types),
        origin=origin,
        given=frozenset(_given(file)),
    )


def _given(part: BaseModel, before: str = "") -> Iterator[str]:
    for key in part.model_fields_set:
        value = getattr(part, key)
        if isinstance(value, BaseModel):
            yield from _given(value, f"{before}{key}.")
        else:
            yield f"{before}{key}"


PARTS: dict[str, type[BaseModel]] = {
    "signature": Signature,
    "endpoint": Endpoint,
    "url": Url,
    "event_types": Entry,
}


def _sentence(error: ErrorDetails) -> str:
    place = [str(step + 1) if isinstance(step, int) else step for step in error["loc"]]
    key, what = ".".join(place), error["msg"].removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        known = PARTS[place[0]] if len(place) > 1 else ProfileFile
        return f"unknown key {key}{nearest(place[-1], list(known.model_fields))}"
    if error["type"] == "missing":
        return f"{key} is missing"
    if error["type"] in {"model_type", "list_type"} and key in PARTS:
        brackets = f"[[{key}]]" if key == "event_types" else f"[{key}]"
        return f"{key} must be a table: write {brackets} and its keys below"
    if not key:
        return what
    return f"{key}{_shown(error['input'])}: {what[:1].lower()}{what[1:]}"


def _shown(given: object) -> str:
    if isinstance(given, str):
        return f" is {given[:LONGEST_SHOWN]!r}"
    return f" is {given}" if isinstance(given, int | float | list) else ""


def nearest(name: str, names: list[str]) -> str:
    """The end of a sentence about a name that is none: the one that was meant, or those there are."""
    found = get_close_matches(name, names, 1, 0.5)
    return f"; did you mean {found[0]}?" if found else f"; known are {', '.join(sorted(names))}"
