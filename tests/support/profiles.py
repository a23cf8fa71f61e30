"""The shipped profiles, as they are loaded; and one's own, from a text."""

from pathlib import Path

from dispatcher.config import Settings, load_profiles
from dispatcher.policy.profiles import Profile
from dispatcher.policy.template import Template

SHIPPED = load_profiles(Settings()).by_name
STANDARD = SHIPPED["standard"]


def a_profile(body: str, **given: object) -> Profile:
    return Profile("theirs", Template(body), **given)  # type: ignore[arg-type]


def written(folder: Path, **files: str) -> Path:
    """A folder with these profiles in it."""
    for name, text in files.items():
        (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    return folder
