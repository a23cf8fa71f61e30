"""Whether the profiles can be read, and whether those that endpoints name are among them."""

from collections.abc import Mapping

from dispatcher.cli.checking.finding import Finding, failed, ok
from dispatcher.policy.profiles import Profiles

NAME = "profiles"


def judge(profiles: Profiles, endpoints: Mapping[str, int]) -> Finding:
    """`endpoints`: how many name each profile."""
    if unknown := {name: number for name, number in sorted(endpoints.items()) if name not in profiles.by_name}:
        found = ", ".join(
            f"{name} is not loaded, and {n:,} endpoint{'s name' if n != 1 else ' names'} it"
            for name, n in unknown.items()
        )
        return failed(NAME, found, "they are sent nothing until its file is in dispatch.profiles_dir again")
    return ok(NAME, f"{len(profiles.by_name)} loaded, {profiles.default} is the default")
