"""Schema `webhooks`, by numbered migrations: applied once, in order, under one lock, without holding up anybody."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.resources import files

import asyncpg

from dispatcher.errors import SchemaError, StatementFailed
from dispatcher.store.pooler import refuse_pooler
from dispatcher.store.session import Login, Session, connect, foreseen
from dispatcher.store.statements import sql

FOLDER = files("dispatcher.store")
ROLES = ("webhooks_producer", "webhooks_operator")
SEARCH_PATH = "set local search_path = pg_catalog, pg_temp"
"""Function bodies are parsed as they are made: a schema of somebody else's must not choose the operators in ours."""
LOCK = "select pg_advisory_xact_lock(hashtextextended('webhooks.migrate', 0))"
NEEDED = 12
"""This dispatcher works with a schema from here on: it does without what later migrations add until they come."""
SHORT = "set local lock_timeout = '500ms'"
"""While a migration waits for a lock, every INSERT waits behind it: better to give way, and try again."""
TRIES, PAUSE_S = 20, 0.5


@dataclass(frozen=True, slots=True)
class Migration:
    number: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        return sha256(self.text.encode()).hexdigest()

    @property
    def works_with(self) -> int | None:
        """The lowest migration a running dispatcher must know to go on when this one is applied; None: it cannot."""
        said = re.search(r"^-- works with: (\d{4})$", self.text, re.MULTILINE)
        return int(said[1]) if said else None

    @property
    def record(self) -> str:
        columns, values = "number, name, checksum", f"{self.number}, '{self.name}', '{self.checksum}'"
        if self.works_with is not None:
            columns, values = f"{columns}, works_with", f"{values}, {self.works_with}"
        return f"insert into webhooks.migrations ({columns}) values ({values});"  # noqa: S608 our own names and digests


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


def script(first: int = 1) -> str:
    """The migrations from `first` on as one SQL script, for people with a migration tool of their own.

    To be run as the owner, or future owner, of the schema. It gives up rather than hold others up: run it again then.
    """
    parts = ["begin;", f"{SEARCH_PATH};", f"{SHORT};"]
    for migration in known()[first - 1 :]:
        parts += [f"-- {migration.number:04} {migration.name}", migration.text.strip(), migration.record]
    for role in ROLES:
        parts += [f"-- Role {role}: create it first where you may not: create role {role} nologin;"]
        parts += [
            f"do $do$ begin\n  if to_regrole('{role}') is not null then\n{grants(role).strip()}\n  end if;\nend $do$;"
        ]
    return "\n\n".join([*parts, "commit;"]) + "\n"


async def migrate(dsn: str, password_file: str = "") -> Report:
    """Bring schema `webhooks` up to date. Safe when run twice at once, and in several databases of one cluster.

    A new schema is made in one transaction; an old one gets each migration in one of its own, so that locks are short.
    Raises `DatabaseAway`, `ConfigError` (refused), `SchemaError` (not allowed, changed, or newer than we are), and
    `StatementFailed` where somebody keeps a lock: what is applied until then stays.
    """
    login = Login(dsn, password_file)
    await refuse_pooler(login)
    connection = await connect(login, "migrate")
    report = Report()
    try:
        while applied := await _patiently(connection, _apply_next):
            report.applied += applied
        await _patiently(connection, lambda it: _grant_all(it, report))
        return report
    finally:
        await connection.close(timeout=2)


Work = Callable[[asyncpg.Connection], Awaitable[list[str]]]


async def _patiently(connection: asyncpg.Connection, work: Work) -> list[str]:
    """Do it in a transaction, with short locks, as often as it takes."""
    for tries_left in reversed(range(TRIES)):
        try:
            with foreseen():
                async with connection.transaction():
                    await connection.execute(SEARCH_PATH)
                    await connection.execute(LOCK)
                    await connection.execute(SHORT)
                    return await work(connection)
        except StatementFailed as error:
            if not error.locked:
                raise
            if not tries_left:
                raise StatementFailed(
                    f"{error}; somebody's transaction keeps a lock that a migration needs, tried {TRIES} times; end it "
                    "(pg_stat_activity shows it) and run dispatcher migrate again"
                ) from error
            await asyncio.sleep(PAUSE_S)
    raise AssertionError("a try returns or raises")


async def _apply_next(connection: asyncpg.Connection) -> list[str]:
    """Apply the next migration that is missing, or all to a schema that has none."""
    present: dict[int, asyncpg.Record] = {}
    if await connection.fetchval("select to_regclass('webhooks.migrations') is not null"):
        present = {row["number"]: row for row in await connection.fetch(sql("read_migrations"))}
    else:
        await _may_create(connection)
    refuse_changed(present)
    if unknown := _unknown(present):
        raise SchemaError(NEWER.format(unknown=unknown[0]))
    missing = [migration for migration in known() if migration.number not in present]
    applied = missing[:1] if present else missing
    for migration in applied:
        await connection.execute(migration.text)
        await connection.execute(migration.record)
    return [f"{migration.number:04} {migration.name}" for migration in applied]


async def _grant_all(connection: asyncpg.Connection, report: Report) -> list[str]:
    report.granted, report.left_to_do = [], []
    for role in ROLES:
        await _grant(connection, role, report)
    return report.granted


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


NEWER = "schema webhooks is newer than this dispatcher (migration {unknown:04} is unknown to it); upgrade dispatcher"


def _unknown(present: Iterable[int]) -> list[int]:
    return sorted(set(present) - {migration.number for migration in known()})


def refuse_changed(present: Mapping[int, asyncpg.Record]) -> None:
    """Refuse a database whose migrations are not what we know by their numbers."""
    ours = {migration.number: migration for migration in known()}
    for number, row in present.items():
        if number in ours and ours[number].checksum != row["checksum"]:
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


async def refuse_unmigrated(session: Session) -> str:
    """Refuse to work with a schema that is not there, not ours, or too far behind or ahead; say what to do.

    Returns how an acceptable one differs from ours, for the log; empty where it does not.
    """
    owners = await session.fetch("read_owner")
    if not owners:
        raise SchemaError("schema webhooks is not there; run: dispatcher migrate")
    if not owners[0]["ours"]:
        raise SchemaError(
            f"role {owners[0]['role']} does not own schema webhooks; connect as {owners[0]['owner']}, "
            f"or: grant {owners[0]['owner']} to {owners[0]['role']}"
        )
    try:
        present = {row["number"]: row for row in await session.fetch("read_migrations")}
    except StatementFailed:  # a schema of that name, but without our table
        present = {}
    refuse_changed(present)
    return _refuse_behind(present) or _refuse_ahead(present)


def _refuse_behind(present: Mapping[int, asyncpg.Record]) -> str:
    missing = [migration for migration in known() if migration.number not in present]
    note = f"schema webhooks lacks {', '.join(f'{m.number:04} {m.name}' for m in missing)}; run: dispatcher migrate"
    if any(migration.number <= NEEDED for migration in missing):
        raise SchemaError(note)
    return note if missing else ""


def _refuse_ahead(present: Mapping[int, asyncpg.Record]) -> str:
    """One that was migrated under us, or for our successor, is fine if the migration says so."""
    last = known()[-1].number
    unknown = _unknown(present)
    for number in unknown:
        least = present[number]["works_with"]
        if least is None or least > last:
            raise SchemaError(NEWER.format(unknown=number))
    return "schema webhooks is newer than this dispatcher, which can work with it; upgrade soon" if unknown else ""
