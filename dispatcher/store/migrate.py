"""Schema `webhooks`, by numbered migrations: applied once, in order, in one transaction, under one lock."""

from dataclasses import dataclass, field
from hashlib import sha256
from importlib.resources import files

import asyncpg

from dispatcher.errors import SchemaError, StatementFailed
from dispatcher.store.session import Login, Session, connect, foreseen
from dispatcher.store.statements import sql

FOLDER = files("dispatcher.store")
ROLES = ("webhooks_producer", "webhooks_operator")
SEARCH_PATH = "set local search_path = pg_catalog, pg_temp"
"""Function bodies are parsed as they are made: a schema of somebody else's must not choose the operators in ours."""
LOCK = "select pg_advisory_xact_lock(hashtextextended('webhooks.migrate', 0))"


@dataclass(frozen=True, slots=True)
class Migration:
    number: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        return sha256(self.text.encode()).hexdigest()

    @property
    def record(self) -> str:
        return (
            "insert into webhooks.migrations (number, name, checksum) "  # noqa: S608 our own file names and digests
            f"values ({self.number}, '{self.name}', '{self.checksum}');"
        )


@dataclass(slots=True)
class Report:
    """What `migrate` did: migrations applied, group roles granted to, and what somebody else has to run."""

    applied: list[str] = field(default_factory=list)
    granted: list[str] = field(default_factory=list)
    left_to_do: list[str] = field(default_factory=list)


def known() -> list[Migration]:
    entries = sorted(entry.name for entry in (FOLDER / "migrations").iterdir() if entry.name.endswith(".sql"))
    return [
        Migration(int(name[:4]), name[5:].removesuffix(".sql"), (FOLDER / "migrations" / name).read_text("utf-8"))
        for name in entries
    ]


def grants(role: str) -> str:
    return (FOLDER / "grants" / f"{role}.sql").read_text("utf-8")


def script() -> str:
    """All of it as one SQL script, for people with a migration tool of their own. Run it as the future owner."""
    parts = ["begin;", f"{SEARCH_PATH};"]
    for migration in known():
        parts += [f"-- {migration.number:04} {migration.name}", migration.text.strip(), migration.record]
    for role in ROLES:
        parts += [f"-- Role {role}: create it first where you may not: create role {role} nologin;"]
        parts += [
            f"do $do$ begin\n  if to_regrole('{role}') is not null then\n{grants(role).strip()}\n  end if;\nend $do$;"
        ]
    return "\n\n".join([*parts, "commit;"]) + "\n"


async def migrate(dsn: str, password_file: str = "") -> Report:
    """Bring schema `webhooks` up to date. Safe when run twice at once, and in several databases of one cluster.

    Raises `DatabaseAway`, `ConfigError` (refused), `SchemaError` (not allowed, changed, or newer than we are).
    """
    connection = await connect(Login(dsn, password_file), "migrate")
    try:
        with foreseen():
            async with connection.transaction():
                await connection.execute(SEARCH_PATH)
                await connection.execute(LOCK)
                report = Report(applied=await _apply(connection))
                for role in ROLES:
                    await _grant(connection, role, report)
        return report
    finally:
        await connection.close(timeout=2)


async def _apply(connection: asyncpg.Connection) -> list[str]:
    present: dict[int, str] = {}
    if await connection.fetchval("select to_regclass('webhooks.migrations') is not null"):
        present = {row["number"]: row["checksum"] for row in await connection.fetch(sql("read_migrations"))}
    else:
        await _may_create(connection)
    refuse_unknown(present)
    applied = []
    for migration in known():
        if migration.number not in present:
            await connection.execute(migration.text)
            await connection.execute(migration.record)
            applied.append(f"{migration.number:04} {migration.name}")
    return applied


async def _may_create(connection: asyncpg.Connection) -> None:
    row = await connection.fetchrow(
        "select current_user as role, current_database() as database, "
        "to_regnamespace('webhooks') is not null as there, "
        "has_database_privilege(current_database(), 'create') as may"
    )
    if row is not None and not row["there"] and not row["may"]:
        role, database = row["role"], row["database"]
        raise SchemaError(
            f"role {role} may not create schema webhooks in database {database}; as its owner, run: "
            f'create schema webhooks authorization "{role}"'
        )


def refuse_unknown(present: dict[int, str]) -> None:
    """Refuse a database whose migrations are not ours: changed since, or made by a later version."""
    ours = {migration.number: migration for migration in known()}
    for number, checksum in present.items():
        if number not in ours:
            raise SchemaError(
                f"schema webhooks is newer than this dispatcher (migration {number:04} is unknown to it); "
                "upgrade dispatcher"
            )
        if ours[number].checksum != checksum:
            raise SchemaError(
                f"migration {number:04} {ours[number].name} is not the one this dispatcher knows; "
                "use the version of dispatcher that made the schema, or make it anew"
            )


async def _grant(connection: asyncpg.Connection, role: str, report: Report) -> None:
    if not await connection.fetchval("select to_regrole($1) is not null", role):
        try:
            async with connection.transaction():
                await connection.execute(f"create role {role} nologin")  # role is one of ROLES
        except asyncpg.InsufficientPrivilegeError:
            report.left_to_do.append(f"create role {role} nologin;\n{grants(role)}")
            return
        except (asyncpg.DuplicateObjectError, asyncpg.UniqueViolationError):
            pass  # Made this instant for another database of the cluster: roles are shared by all of them.
    await connection.execute(grants(role))
    report.granted.append(role)


async def refuse_unmigrated(session: Session) -> None:
    """Refuse to work with a schema that is not there, not ours, behind or ahead; say what to do."""
    owners = await session.fetch("read_owner")
    if not owners:
        raise SchemaError("schema webhooks is not there; run: dispatcher migrate")
    if not owners[0]["ours"]:
        raise SchemaError(
            f"role {owners[0]['role']} does not own schema webhooks; connect as {owners[0]['owner']}, "
            f"or: grant {owners[0]['owner']} to {owners[0]['role']}"
        )
    try:
        present = {row["number"]: row["checksum"] for row in await session.fetch("read_migrations")}
    except StatementFailed:  # a schema of that name, but without our table
        present = {}
    refuse_unknown(present)
    missing = [f"{m.number:04} {m.name}" for m in known() if m.number not in present]
    if missing:
        raise SchemaError(f"schema webhooks lacks {', '.join(missing)}; run: dispatcher migrate")
