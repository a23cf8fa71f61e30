"""Who holds the work: what is said of it, and asked about it, on the one session that has the lock."""

from dataclasses import dataclass
from datetime import datetime

from dispatcher.errors import AnotherInstallation, ConfigError, DatabaseAway, SchemaError
from dispatcher.store.session import Session

READ_ONLY = "the database is read-only: a replica, or told to be"


@dataclass(frozen=True, slots=True)
class Claimant:
    """Who wants the work, and for which installation."""

    name: str
    version: str
    installation: str
    events_days: float
    adopt: bool = False


@dataclass(frozen=True, slots=True)
class Other:
    """Who has the work instead: a dispatcher, or whatever else holds its lock."""

    pid: int
    role: str
    application: str
    address: str | None

    def __str__(self) -> str:
        where = f" from {self.address}" if self.address else ""
        return f"{self.application or 'unnamed'}; role {self.role}{where}, backend pid {self.pid}"


@dataclass(frozen=True, slots=True)
class Taken:
    """The work is ours, under this epoch. `may_live`: the dispatcher before us did not say that it left."""

    epoch: int
    epoch_before: int
    may_live: bool
    adopted_from: str | None = None


async def refuse_read_only(session: Session) -> None:
    """Raises `DatabaseAway` where nothing can be written: one that was failed over answers, and is of no use."""
    (row,) = await session.fetch("read_standing", None)
    if not row["can_write"]:
        raise DatabaseAway(READ_ONLY)


async def look_lost(session: Session, epoch: int) -> str:
    """Why the work taken under that epoch is no longer ours; empty while it is. Raises `DatabaseAway`."""
    (row,) = await session.fetch("read_standing", epoch)
    if not row["can_write"]:
        return READ_ONLY
    if not row["has_lock"]:
        return "its lock is gone"
    return "" if row["has_epoch"] else "its epoch was moved: another dispatcher has taken the work"


async def refuse_another(session: Session, who: Claimant) -> None:
    """Somebody holds the work: is it of our installation? A copy never has the original's dispatcher on it.

    Raises `AnotherInstallation`; `ConfigError` where it was to be adopted.
    """
    theirs = await session.value("read_installation")
    if theirs in {None, who.installation}:
        return
    if who.adopt:
        raise ConfigError(f"installation {theirs!r} is at work on this database: it is no copy; look at database.dsn")
    raise AnotherInstallation(who.installation, theirs)


async def take_lock(session: Session) -> bool:
    return bool(await session.value("take_lock"))


async def is_held(session: Session) -> bool:
    """Whether anybody holds the work: where nobody does, nothing is sent."""
    return bool(await session.fetch("name_holder"))


async def name_other(session: Session) -> Other:
    """Who is in the way. Whoever has just gone is called so: the next try will tell."""
    for row in await session.fetch("name_holder"):
        return Other(row["pid"], row["role"] or "unknown", row["application"] or "", row["address"])
    return Other(0, "unknown", "gone this instant", None)


async def take_work(session: Session, who: Claimant) -> Taken:
    """Move the epoch. Raises `AnotherInstallation` where the database is another's, `DatabaseAway` without the lock."""
    arguments = (who.installation, who.name, who.version, who.events_days, who.adopt)
    rows = await session.fetch("take_work", *arguments)
    if not rows:
        raise SchemaError("webhooks.holder has no row; run: insert into webhooks.holder default values")
    row = rows[0]
    if not row["is_ours"]:
        raise DatabaseAway("the session that took the lock has ended")
    theirs = row["installation"] if row["installation"] != who.installation else None
    if row["epoch"] is None:
        raise AnotherInstallation(who.installation, str(theirs))
    return Taken(row["epoch"], row["epoch_before"], row["may_live"], theirs)


async def leave_work(session: Session, epoch: int) -> None:
    await session.fetch("leave_work", epoch)


async def discard_before(session: Session, instant: datetime, most: int) -> int:
    """Cancel what was made before that instant, a slice at a time; returns how much the slice held."""
    return int(await session.value("discard_before", instant, most))
