"""Applications made of the README's own code, and a dispatcher beside them."""

import re
import shutil
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.daemon import Daemon, daemon, environment
from tests.support.postgres import Database, connected
from tests.support.program import Program, program

ROOT = Path(__file__).parent.parent.parent
HERE = ROOT / "tests" / "applications"
SECTION = (ROOT / "README.md").read_text().partition("\n## From your application\n")[2].partition("\n## ")[0]
BLOCK = re.compile(r"```(python|ruby|js|sql|sh)\n(.*?)```", re.DOTALL)
NAME = re.compile(r"(?:#|//) ([\w/.]+\.(?:py|rb|mjs))\n")
GRANTS = "grant create on schema public to app_producer"


def modules() -> dict[str, str]:
    """The README's modules by name; what is shown in two pieces is one, with nothing added."""
    found: dict[str, str] = {}
    for _, block in BLOCK.findall(SECTION):
        if named := NAME.match(block):
            found[named[1]] = found.get(named[1], "") + block.removeprefix(named[0]) + "\n\n"
    return found


def blocks(language: str) -> list[str]:
    """Those in that language."""
    return [block for kind, block in BLOCK.findall(SECTION) if kind == language]


def django_shop(folder: Path) -> Path:
    """A Django project with the README's modules in it."""
    project = Path(shutil.copytree(HERE / "django", folder / "django"))
    for name, text in modules().items():
        if name.endswith(".py"):
            (project / "shop" / name).write_text(text)
    return project


def node_shop(folder: Path, packages: Path) -> Path:
    """The same in Node."""
    project = Path(shutil.copytree(HERE / "node", folder / "node"))
    for name, text in modules().items():
        if name.endswith(".mjs"):
            (project / name).write_text(text)
    (project / "node_modules").symlink_to(packages)
    return project


@dataclass(frozen=True)
class Serving:
    """An application that answers."""

    running: Program
    port: str

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"


@asynccontextmanager
async def serving(*words: object, cwd: Path, env: Mapping[str, str]) -> AsyncIterator[Serving]:
    async with program(*words, cwd=cwd, env=env) as running:
        yield Serving(running, (await running.says(r"^port (\d+)$")).group(1))


def serving_django(project: Path, database: Database, **env: str) -> AbstractAsyncContextManager[Serving]:
    return serving(sys.executable, "serve.py", cwd=project, env=libpq(database) | env)


def serving_node(node: Path, project: Path, database: Database, **env: str) -> AbstractAsyncContextManager[Serving]:
    given = {"DATABASE_URL": database.dsn_as("app_producer"), "CUSTOMERS": "{}"}
    return serving(node, "serve.mjs", cwd=project, env=given | env)


def libpq(database: Database, user: str = "app_producer") -> dict[str, str]:
    """How an application logs in: as a member of webhooks_producer, and nothing more."""
    return {"PGHOST": database.folder, "PGPORT": "5432", "PGDATABASE": database.name, "PGUSER": user}


@dataclass(frozen=True)
class Beside:
    """A dispatcher that serves its API at `api`."""

    running: Daemon
    api: str


@asynccontextmanager
async def dispatcher(dsn: str, **settings: object) -> AsyncIterator[Beside]:
    async with daemon(dsn, **{"admin__listen": "127.0.0.1:0", **settings}) as running:
        yield Beside(running, f"http://{(await running.says('admin.opened'))['listen']}")


async def token(database: Database, tenant: str) -> str:
    """As the README says to make one."""
    (line,) = blocks("sh")
    words = line.partition("#")[0].replace("acme", tenant).split()
    async with program(sys.executable, "-m", *words, cwd=ROOT, env=environment(database.dsn)) as running:
        return (await running.says(r"^whd_\S+$")).group(0)


async def may_make_tables(database: Database) -> None:
    """The application has its own beside ours."""
    async with connected(database.superuser_dsn) as superuser:
        await superuser.execute(GRANTS)
