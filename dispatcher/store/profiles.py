"""Tables `profiles` and `event_types`: what SQL knows of the profile files."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import orjson

from dispatcher.policy.profiles import EventType, Profile, Profiles
from dispatcher.store.session import Rows, Session


@dataclass(frozen=True, slots=True)
class Installed:
    """What became of a catalogue's event types. `mirrored`: the profile itself was in table `profiles`."""

    added: int
    changed: int
    removed: int
    unchanged: int
    mirrored: bool


async def mirror(session: Session, profiles: Profiles, *, alone: bool) -> None:
    """Write them where they differ; `alone`: what is not among them goes. Said again, it changes nothing."""
    rows = [_row(profile, is_default=profile.name == profiles.default) for profile in profiles.by_name.values()]
    await session.fetch("mirror_profiles", orjson.dumps(rows).decode(), alone)


async def install_event_types(session: Session, profile: Profile) -> Installed:
    """Write the catalogue where it differs; types that are not in it go. Said again, it changes nothing."""
    entries = profile.event_types
    names, descriptions = [entry.name for entry in entries], [entry.description for entry in entries]
    examples = [entry.example for entry in entries]
    (row,) = await session.fetch("install_event_types", profile.name, names, descriptions, examples)
    return Installed(**row)


async def installed_event_types(session: Session, names: Collection[str]) -> dict[str, tuple[EventType, ...]]:
    """The catalogues of these profiles, of those that have one, in the order of their types."""
    found: dict[str, tuple[EventType, ...]] = {}
    for row in await session.fetch("read_event_types", sorted(names)):
        entry = EventType(row["name"], row["description"], row["example"])
        found[row["profile"]] = (*found.get(row["profile"], ()), entry)
    return found


async def unmatched(session: Session, profile: Profile, most: int) -> Rows:
    """Subscriptions that match no type of the installed catalogue; each row knows how many there are."""
    return await session.fetch("find_unmatched", profile.name, most)


async def find_event_types(
    session: Session, *, profile: str | None = None, after: tuple[str, str] = ("", ""), most: int = 50
) -> Rows:
    """A page of the installed catalogues; `after` is profile and name of the last row of the page before."""
    return await session.fetch("list_event_types", profile, *after, most)


async def mirrored(session: Session) -> Rows:
    """The profiles as SQL knows them."""
    return await session.fetch("list_profiles")


def _row(profile: Profile, *, is_default: bool) -> dict[str, Any]:
    return {
        "name": profile.name,
        "is_default": is_default,
        "description": profile.description,
        "scheme": profile.signing.scheme,
        "secret": profile.secret,
        "encoding": profile.signing.encoding,
        "signature_header": profile.signing.header_name,
        "api_key_header": profile.api_key_header,
        "content_type": profile.content_type,
        "success": None if profile.success is None else sorted(profile.success),
        **{key: profile.overrides.get(key) for key in ("timeout_s", "max_in_flight", "max_attempts")},
        "https_only": profile.https_only,
        "unique_url": profile.unique_url,
        "required": profile.required,
        "initial_state": profile.initial_state,
        "strict": profile.strict,
    }
