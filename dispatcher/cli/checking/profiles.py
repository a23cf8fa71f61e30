"""Whether the profiles can be read, those that endpoints name are among them, and their catalogues are installed."""

from collections.abc import Iterator, Mapping, Sequence

from dispatcher.cli.checking.finding import Finding, failed, ok, warning
from dispatcher.policy.profiles import EventType, Profile, Profiles
from dispatcher.policy.wording import plural

NAME = "profiles"

Catalogues = Mapping[str, Sequence[EventType]]


def used(profiles: Profiles, named: Mapping[str | None, int]) -> dict[str, int]:
    """How many endpoints each profile has, with those that name none."""
    found: dict[str, int] = {}
    for name, endpoints in named.items():
        found[name or profiles.default] = found.get(name or profiles.default, 0) + endpoints
    return found


def judge(profiles: Profiles, endpoints: Mapping[str, int], installed: Catalogues) -> Finding:
    """`endpoints`: how many each profile has; `installed`: the catalogues of those that the database knows."""
    if unknown := {name: number for name, number in sorted(endpoints.items()) if name not in profiles.by_name}:
        found = ", ".join(
            f"{name} is not loaded, and {n:,} endpoint{'s name' if n != 1 else ' names'} it"
            for name, n in unknown.items()
        )
        return failed(NAME, found, "they are sent nothing until its file is in dispatch.profiles_dir again")
    if doubts := dict(_doubts(profiles, endpoints, installed)):
        remedy = ", ".join(f"dispatcher profile install {name}" for name in doubts)
        return warning(NAME, ", ".join(doubts.values()), f"run {remedy}")
    return ok(NAME, f"{len(profiles.by_name)} loaded, {profiles.default} is the default")


def _doubts(profiles: Profiles, endpoints: Mapping[str, int], installed: Catalogues) -> Iterator[tuple[str, str]]:
    """The profile, and what was found."""
    for name, number in sorted(endpoints.items()):
        profile, there = profiles.by_name[name], installed.get(name, ())
        if not there and profile.strict:
            yield name, f"{name} is strict, {plural(number, 'endpoint')} of it, and its catalogue is not installed"
        elif there and (differing := _differing(profile, there)):
            more = f" and {len(differing) - 1} more" if len(differing) > 1 else ""
            yield name, f"the catalogue of {name} that is installed differs from its file: {differing[0]}{more}"


def _differing(profile: Profile, there: Sequence[EventType]) -> list[str]:
    """Types that only one of them has, or that they describe differently."""
    return sorted({entry.name for entry in set(profile.event_types) ^ set(there)})
