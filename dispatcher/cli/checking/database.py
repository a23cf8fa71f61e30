"""What a dispatcher needs of its database, in the order in which one thing rests on another."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from dispatcher.cli.checking import keys, profiles
from dispatcher.cli.checking.finding import Finding, failed, ok, skipped, warning
from dispatcher.config import Settings, load_profiles
from dispatcher.daemon import values
from dispatcher.errors import AnotherInstallation, ConfigError, DatabaseAway, SchemaError, StatementFailed
from dispatcher.store.migrate import known, refuse_unmigrated
from dispatcher.store.pooler import Road, find_road, refusal
from dispatcher.store.profiles import installed_event_types
from dispatcher.store.session import Login, Row, Session

SETTINGS = {"statement_timeout": "3s", "lock_timeout": "1s"}
CONNECT_S, WITHIN_S = 6.0, 10.0
"""To get through at all, and for all of it."""
OLDEST, NEWEST = 14, 18
SESSIONS = 15
"""What a dispatcher has open at the most: its lock, one for each hot stage, five for the HTTP API, at times four for
upkeep."""
DAYS_AHEAD = 7
SKEW_SEEN_S, SKEW_BAD_S = 1.0, 60.0
"""Receivers refuse a webhook-timestamp that is five minutes off, and their clocks have errors of their own."""
HELD_BACK = 200_000
"""Transactions; what holds back fewer is over soon, or nothing to speak of."""
OURS = "dispatcher: "

NAMES = (
    "database", "pooler", "writable", "schema", "installation", "privileges", "connections", "clock", "partitions",
    "vacuum", "work", "profiles", "secrets",
)  # fmt: skip


async def examine(login: Login, settings: Settings) -> list[Finding]:
    """One finding for each of NAMES, within a bounded time whatever the database does."""
    found: list[Finding] = []
    session = Session(Login(login.dsn, login.password_file, SETTINGS), "check")
    try:
        async with asyncio.timeout(WITHIN_S):
            async for finding in Examination(login, settings, session).findings():
                found.append(finding)  # noqa: PERF401 what was found is kept when time runs out
    except TimeoutError:
        session.drop()
        found.append(failed(NAMES[len(found)], f"{login.shown} has given no answer within {WITHIN_S:g} s"))
    finally:
        await session.close()
    return found + [skipped(name, "not looked at, for what is said above") for name in NAMES[len(found) :]]


class Examination:
    def __init__(self, login: Login, settings: Settings, session: Session) -> None:
        self._login = login
        self._installation = settings.dispatch.installation
        self._settings = settings
        self._session = session
        self._is_there = self._is_ours = False

    async def findings(self) -> AsyncIterator[Finding]:
        """In the order of NAMES; ends early where nothing more can be said."""
        try:
            road = await self._road()
            if not road.keeps_sessions:
                yield ok("database", f"{self._login.shown} is there")
                yield failed("pooler", *refusal(self._login, road).split("; ", 1))
                return
            (server,) = await self._session.fetch("inspect_server")
        except (DatabaseAway, ConfigError, SchemaError, StatementFailed) as error:
            yield failed("database", str(error), None if isinstance(error, ConfigError) else "is the server running?")
            return
        yield self._database(server)
        yield ok("pooler", "none in between" if road is Road.DIRECT else f"a {road}")
        yield self._writable(server)
        for name, look in self._looks(server).items():
            yield await self._guarded(name, look)

    async def _road(self) -> Road:
        try:
            async with asyncio.timeout(CONNECT_S):
                return await find_road(self._login)
        except TimeoutError:
            raise DatabaseAway(f"{self._login.shown} gives no answer within {CONNECT_S:g} s") from None

    def _looks(self, server: Row) -> dict[str, Callable[[], Awaitable[Finding]]]:
        return {
            "schema": self._schema,
            "installation": self._whose,
            "privileges": lambda: self._privileges(server),
            "connections": lambda: self._connections(server),
            "clock": self._clock,
            "partitions": self._partitions,
            "vacuum": self._vacuum,
            "work": self._work,
            "profiles": self._profiles,
            "secrets": self._secrets,
        }

    async def _guarded(self, name: str, look: Callable[[], Awaitable[Finding]]) -> Finding:
        if not self._is_there and name in {"installation", "privileges", "partitions", "secrets"}:
            return skipped(name, "not looked at: there is no schema webhooks")
        try:
            return await look()
        except (DatabaseAway, ConfigError, SchemaError, StatementFailed) as error:
            return failed(name, str(error))

    def _database(self, server: Row) -> Finding:
        where = f"{self._login.shown}: Postgres {server['server'].split()[0]}, role {server['role']}"
        if server["major"] < OLDEST:
            return failed("database", where, f"Postgres {OLDEST} to {NEWEST} are supported")
        if server["major"] > NEWEST:
            return warning("database", where, f"Postgres {OLDEST} to {NEWEST} are what it was tested with")
        if server["tls"]:
            return ok("database", f"{where}, {server['tls']}")
        if server["local"]:
            return ok("database", f"{where}, on this machine")
        return warning("database", f"{where}, without TLS", "add ?sslmode=verify-full to database.dsn")

    def _writable(self, server: Row) -> Finding:
        if server["replica"]:
            return failed("writable", "the server is a replica", "connect to the primary")
        if server["read_only"]:
            what = "default_transaction_read_only is on"
            return failed("writable", what, f"alter database {server['database']} reset default_transaction_read_only")
        return ok("writable", "it takes writes")

    async def _schema(self) -> Finding:
        owners = await self._session.fetch("read_owner")
        self._is_there = bool(owners)
        self._is_ours = self._is_there and owners[0]["ours"]
        if self._is_there and not self._is_ours:
            return ok("schema", f"webhooks is there, of role {owners[0]['owner']}")
        try:
            difference = await refuse_unmigrated(self._session)
        except SchemaError as error:
            return failed("schema", str(error))
        if difference:
            return warning("schema", *difference.split("; ", 1))
        latest = known()[-1]
        return ok("schema", f"webhooks is up to date: {latest.number:04} {latest.name}")

    async def _privileges(self, server: Row) -> Finding:
        if not self._is_ours:
            try:
                await refuse_unmigrated(self._session)
            except SchemaError as error:
                return failed("privileges", str(error))
        if rows := await self._session.fetch("find_ungranted"):
            return _ungranted([row["role"] for row in rows], [row["role"] for row in rows if not row["there"]])
        if server["superuser"]:
            return warning("privileges", f"role {server['role']} is a superuser", "any ordinary role will do")
        return ok("privileges", f"role {server['role']} may act as the owner")

    async def _connections(self, server: Row) -> Finding:
        held = bool(await self._session.fetch("name_holder"))
        for limit, what in ((server["role_limit"], "role"), (server["database_limit"], "database")):
            if limit is not None and limit < SESSIONS:
                remedy = f"alter {what} {server[what]} connection limit 20"
                return failed(
                    "connections", f"{what} {server[what]} may have {limit}, and {SESSIONS} are needed", remedy
                )
        left = server["slots_left"]
        if left < (1 if held else SESSIONS):
            return warning(
                "connections", f"{left} left, and a dispatcher needs {SESSIONS}", "raise max_connections, or close some"
            )
        return ok("connections", f"{left} left, {SESSIONS} needed")

    async def _clock(self) -> Finding:
        await self._session.value("read_clock")  # Prepares it: what is timed is one round trip.
        before = time.time()
        theirs = (await self._session.value("read_clock")).timestamp()
        after = time.time()
        skew_s = max(before - theirs, theirs - after, 0.0)
        if skew_s < SKEW_SEEN_S:
            return ok("clock", "this machine and the database agree to a second")
        judge = failed if skew_s >= SKEW_BAD_S else warning
        word = "ahead of" if theirs < before else "behind"
        found = f"this machine is {skew_s:.1f} s {word} the database"
        return judge("clock", found, "set both by NTP: receivers refuse a webhook-timestamp that is off")

    async def _partitions(self) -> Finding:
        undated = [row["name"] for row in await self._session.fetch("find_undated")]
        missing = len(await self._session.fetch("list_missing_days", DAYS_AHEAD))
        if undated:
            found = f"there are rows in {', '.join(undated)}"
            return warning("partitions", found, "deliveries go on; their day gets no partition while they are there")
        if missing:
            return warning("partitions", f"{missing} of the days ahead are not made", "dispatcher run makes them")
        return ok("partitions", f"made for {DAYS_AHEAD} days ahead, and the DEFAULT ones are empty")

    async def _vacuum(self) -> Finding:
        for oldest in await self._session.fetch("find_horizon"):
            if oldest["transactions"] >= HELD_BACK:
                named = [str(oldest[key]) for key in ("name", "pid", "role") if oldest[key]]
                held = f"{oldest['kind']} {', '.join(named)} holds it back by {oldest['transactions']:,} transactions"
                return warning("vacuum", held, "end it, or dead rows pile up")
        return ok("vacuum", "nothing holds it back")

    async def _whose(self) -> Finding:
        theirs = await self._session.value("read_installation")
        if theirs in {None, self._installation}:
            return ok("installation", f"{self._installation}{'' if theirs else ', with the first run'}")
        return failed("installation", *str(AnotherInstallation(self._installation, theirs)).split(". ", 1))

    async def _work(self) -> Finding:
        rows = await self._session.fetch("name_holder")
        if not rows:
            return ok("work", "nobody holds it: no dispatcher runs")
        name = str(rows[0]["application"])
        if name.startswith(OURS):
            return ok("work", f"held by {name.removeprefix(OURS).removeprefix('holder ')}")
        found = f"held by something that is not a dispatcher: {name or 'unnamed'}, role {rows[0]['role']}"
        return failed("work", found, f"select pg_terminate_backend({rows[0]['pid']})")

    async def _profiles(self) -> Finding:
        try:
            loaded = load_profiles(self._settings)
        except ConfigError as error:
            return failed("profiles", "; ".join(str(error).splitlines()))
        if not self._is_there:
            return profiles.judge(loaded, {}, {})
        named = {row["profile"]: row["endpoints"] for row in await self._session.fetch("count_profiles")}
        used = profiles.used(loaded, named)
        return profiles.judge(loaded, used, await installed_event_types(self._session, used))

    async def _secrets(self) -> Finding:
        keyring = values.keyring(self._settings)
        rows = await self._session.fetch("count_sealed")
        return keys.judge(self._settings.secrets.keys_file, keyring, {row["key_id"]: row["endpoints"] for row in rows})


def _ungranted(roles: Sequence[str], missing: Sequence[str]) -> Finding:
    if not missing:
        return warning("privileges", f"nothing is granted to {', '.join(roles)}", "run: dispatcher migrate")
    statements = " ".join(f"create role {role} nologin;" for role in missing)
    found = f"there {'is' if len(missing) == 1 else 'are'} no role{'s' * (len(missing) > 1)} {', '.join(missing)}"
    return warning("privileges", found, f"somebody who may create roles: {statements} then run: dispatcher migrate")
