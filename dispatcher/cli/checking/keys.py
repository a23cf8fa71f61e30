"""How secrets are kept: sealed with a key that is there, or not."""

import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from dispatcher.cli.checking.finding import Finding, failed, ok, warning
from dispatcher.policy.sealing import Keyring

NAME = "secrets"
REKEY = "reload every dispatcher, then run dispatcher rekey"
"""In this order: one that does not know the key sends what is sealed with it nothing."""


def judge(file: str, keyring: Keyring | None, endpoints: Mapping[str | None, int]) -> Finding:
    """`endpoints`: how many have values sealed with each key, under None those that have plain ones."""
    known = keyring.ids if keyring else ()
    if unknown := {key_id: number for key_id, number in endpoints.items() if key_id not in {None, *known}}:
        found = ", ".join(f"key {key_id} has sealed secrets of {_so_many(n)}" for key_id, n in unknown.items())
        where = f"{file} does not have it" if file else "secrets.keys_file is not set"
        return failed(NAME, f"{found}, and {where}", "they are sent nothing until its line is there again")
    if keyring is None:
        stored = "secrets, API keys and header values are stored as they are"
        return warning(NAME, stored, "set secrets.keys_file to have them sealed")
    if doubts := list(_doubts(file, keyring, endpoints)):
        return warning(NAME, ", ".join(what for what, _ in doubts), ", ".join(remedy for _, remedy in doubts))
    return ok(NAME, f"sealed with key {keyring.active}; {len(known)} key{'s' * (len(known) != 1)} known")


def _doubts(file: str, keyring: Keyring, endpoints: Mapping[str | None, int]) -> Iterator[tuple[str, str]]:
    """What was found, and what to do."""
    if Path(file).stat().st_mode & stat.S_IROTH:
        yield f"{file} may be read by every account of this machine", f"chmod o-r {file}"
    plain = endpoints.get(None, 0)
    former = {key_id: number for key_id, number in endpoints.items() if key_id not in {None, keyring.active}}
    rest = [f"{_so_many(plain)} {'has' if plain == 1 else 'have'} some stored as they are"] if plain else []
    rest += [f"key {key_id} has sealed those of {_so_many(number)}" for key_id, number in former.items()]
    if rest:
        yield f"sealed with key {keyring.active}, but {', '.join(rest)}", REKEY


def _so_many(endpoints: int) -> str:
    return f"{endpoints:,} endpoint{'s' * (endpoints != 1)}"
