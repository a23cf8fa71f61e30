"""A dispatcher, and receivers that nobody here wrote."""

import json
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.support import nginx, npm
from tests.support.dispatching import Running, dispatching
from tests.support.nginx import Nginx
from tests.support.program import Program, program

SOURCE = Path(__file__).parent / "node"

Doors = dict[str, dict[str, str]]


@dataclass(frozen=True)
class Verifiers:
    running: Program
    port: str

    def url(self, path: str = "/hook") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    @property
    def heard(self) -> list[dict[str, Any]]:
        """Its requests, as it tells of them."""
        return [json.loads(line) for line in self.running.lines if line.startswith("{")]


@dataclass(frozen=True)
class Bench:
    """A copy of `node/` with its packages, the test's own."""

    node: Path
    folder: Path

    def run(self, *words: object) -> AbstractAsyncContextManager[Program]:
        return program(self.node, *words, cwd=self.folder)

    @asynccontextmanager
    async def verifying(self, doors: Doors) -> AsyncIterator[Verifiers]:
        """`doors`: what is behind each path, as `verifiers.mjs` takes it."""
        async with self.run("verifiers.mjs", json.dumps(doors)) as running:
            yield Verifiers(running, (await running.says(r"^port (\d+)$")).group(1))


@pytest.fixture
def running(database) -> Running:
    """`async with running(section__key=value):` a dispatcher works; leaving drains it."""
    return partial(dispatching, database.dsn)


@pytest.fixture(scope="session")
def packages() -> tuple[Path, Path]:
    """Node, and what npm has installed for it."""
    try:
        node = npm.find()
        return node.program, npm.installed(node, SOURCE)
    except npm.NoNode as reason:
        pytest.skip(str(reason))


@pytest.fixture
def bench(packages, tmp_path) -> Bench:
    node, modules = packages
    folder = Path(shutil.copytree(SOURCE, tmp_path / "node"))
    (folder / "node_modules").symlink_to(modules)
    return Bench(node, folder)


@pytest.fixture
def trusted(authority) -> dict[str, object]:
    """Settings of a dispatcher that believes `localhost` over https."""
    return {"egress__ca_file": str(authority.ca_file), "egress__allow_hosts": ["localhost"]}


@pytest.fixture
def behind_nginx(tmp_path, authority) -> Callable[[str], AbstractAsyncContextManager[Nginx]]:
    """`async with behind_nginx(url):` an nginx, with what answers at `url` behind its `/app/`."""
    binary = nginx.find()
    if binary is None:
        pytest.skip("nginx is not installed: `apt-get install nginx`")
    certificate = authority.certificate("localhost")
    return lambda app: nginx.serving(binary, tmp_path, certificate=certificate, app=app)
