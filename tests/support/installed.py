"""dispatcher as an operator installs it: a venv under /opt, an account, the units; and a Postgres beside it."""

import asyncio
import os
import shutil
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import asyncpg

from tests.support.machine import PATH, Machine, NoMachine
from tests.support.postgres import connected
from tests.support.tls import Authority

ROOT = Path(__file__).parent.parent.parent
PYTHON = "/usr/bin/python3"
VENV = "uv venv -q --python /usr/bin/python3 /opt/dispatcher"
PACKAGE = (
    "uv pip install -q --compile-bytecode --python /opt/dispatcher/bin/python -r requirements.txt dispatcher-*.whl"
)
SYSTEM = """
install -D -m 644 systemd/sysusers.conf /etc/sysusers.d/dispatcher.conf && systemd-sysusers
install -d -m 750 -g dispatcher /etc/dispatcher
install -m 644 systemd/dispatcher*.service /etc/systemd/system && systemctl daemon-reload
"""
ADMINISTRATE = """
CREATE ROLE dispatcher LOGIN;
GRANT CREATE ON DATABASE app TO dispatcher;
CREATE ROLE webhooks_producer NOLOGIN;
CREATE ROLE webhooks_operator NOLOGIN;
"""
LEAVE_AS_DISPATCHER = "DROP SCHEMA webhooks CASCADE;"
LEAVE = """
REVOKE ALL ON DATABASE app FROM dispatcher;
DROP ROLE dispatcher, webhooks_producer, webhooks_operator;
"""
MIGRATE = "runuser -u dispatcher -- /opt/dispatcher/bin/dispatcher migrate"
POSTGRES = """[Service]
Type=notify
User=postgres
RuntimeDirectory=postgresql
ExecStart={binaries}/postgres -D {data}
ExecReload=/bin/kill -HUP $MAINPID
KillSignal=SIGINT
"""
CONF = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = '/run/postgresql,{folder}'
ssl = on
ssl_cert_file = '{folder}/server.pem'
ssl_key_file = '{folder}/server.pem'
fsync = off
"""
HBA = """
local all postgres,admin,leaving trust
local all all peer
hostssl all all 127.0.0.1/32 scram-sha-256
"""
numbers = count(1)


def uv() -> Path:
    """Raises `NoMachine` where there is none: what it installs comes from its cache."""
    for each in (os.environ.get("UV"), shutil.which("uv"), ROOT / ".tools/bin/uv"):
        if each and Path(each).exists():
            return Path(each).resolve()
    raise NoMachine("there is no uv to install dispatcher with")


def cache() -> Path:
    return Path(os.environ.get("UV_CACHE_DIR") or Path.home() / ".cache/uv")


async def build(package: Path) -> None:
    """What an operator is handed: the wheel, the versions it was tested with, the units."""
    for command in (
        (sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", package),
        (uv(), "export", "-q", "--locked", "--no-dev", "--no-emit-project", "-o", package / "requirements.txt"),
    ):
        process = await asyncio.create_subprocess_exec(*map(str, command), cwd=ROOT, stdout=asyncio.subprocess.DEVNULL)
        assert await process.wait() == 0, command
    shutil.copytree(ROOT / "systemd", package / "systemd")


async def install(machine: Machine, package: Path) -> None:
    """As the README says; but the libraries are the checkout's, from uv's cache: no network is needed."""
    if (await machine.tried(PYTHON, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"))[0]:
        raise NoMachine(f"{PYTHON} is not Python 3.11 or newer")
    libraries = f"(cd {ROOT} && uv sync -q --compile-bytecode --locked --no-dev --no-install-project --python {PYTHON})"
    await machine.sh(f"cd {package}\n{VENV}\n{libraries}\n{PACKAGE}\n{SYSTEM}", environ=uv_environ())


async def upgrade(machine: Machine, package: Path) -> None:
    """To the same version, which uv has to be told to install again."""
    await machine.sh(f"cd {package} && {PACKAGE} --reinstall-package dispatcher", environ=uv_environ())


def uv_environ() -> dict[str, str]:
    return {
        **os.environ,
        "PATH": f"{uv().parent}:{PATH}",
        "UV_CACHE_DIR": str(cache()),
        "UV_LINK_MODE": "copy",
        "UV_PROJECT_ENVIRONMENT": "/opt/dispatcher",
    }


@dataclass(frozen=True)
class Postgres:
    """Debian's, as postgresql.service. `folder` has its socket; over TCP, at `port`, it wants TLS and a password."""

    machine: Machine
    folder: Path
    port: int

    def dsn_as(self, role: str, database: str) -> str:
        """Over the socket, from outside."""
        return f"postgresql://{role}@/{database}?host={self.folder}&port={self.port}"

    def peer_dsn(self, database: str) -> str:
        """As the service logs in: without a password."""
        return f"postgresql://dispatcher@/{database}?host=/run/postgresql&port={self.port}"

    @asynccontextmanager
    async def connected(self, database: str) -> AsyncIterator[asyncpg.Connection]:
        """As a superuser, from outside."""
        async with connected(self.dsn_as("postgres", database)) as connection:
            yield connection

    @asynccontextmanager
    async def database(self) -> AsyncIterator[str]:
        """A migrated database of the test's own."""
        name = f"app_{next(numbers)}"
        async with self.connected("postgres") as postgres:
            await postgres.execute(f"create database {name} template app owner admin")
        yield name
        await self.machine.run("systemctl", "start", "postgresql")
        async with self.connected("postgres") as postgres:
            await postgres.execute(f"drop database {name} with (force)")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def certify(folder: Path) -> None:
    """A certificate for localhost with its key, `server.pem`, and who vouches for it, `ca.pem`."""
    Authority(folder).issue("localhost")
    (certificate,) = folder.glob("localhost-*.pem")
    certificate.rename(folder / "server.pem")


async def provide_postgres(machine: Machine, folder: Path) -> Postgres:
    """Running, with `admin`, who is no superuser and owns `app`. Raises `NoMachine`."""
    binaries = await machine.sh("ls -d /usr/lib/postgresql/*/bin 2> /dev/null | sort -V | tail -1")
    if not binaries:
        raise NoMachine("Debian's Postgres is not installed: postgresql-15 or any other")
    postgres, data = Postgres(machine, folder, free_port()), "/var/lib/test-postgres"
    certify(folder)
    await machine.sh(f"""
        install -m 644 {folder}/ca.pem /etc/dispatcher/database-ca.pem
        chown postgres {folder} {folder}/server.pem; chmod 600 {folder}/server.pem
        install -d -o postgres -m 700 {data}
        setpriv --reuid=postgres --regid=postgres --clear-groups {binaries}/initdb -D {data} -U postgres -E UTF8 -N
    """)
    machine.write(f"{data}/postgresql.conf", CONF.format(port=postgres.port, folder=folder))
    machine.write(f"{data}/pg_hba.conf", HBA)
    machine.write("/etc/systemd/system/postgresql.service", POSTGRES.format(binaries=binaries, data=data))
    await machine.sh("systemctl daemon-reload && systemctl start postgresql")
    async with postgres.connected("postgres") as superuser:
        await superuser.execute("create role admin login createrole createdb")
        await superuser.execute("create database app owner admin")
    return postgres
