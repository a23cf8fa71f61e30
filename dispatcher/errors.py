"""The ways to fail that a caller can act on. Whatever a receiver or an event does is a value, not one of these."""


class DispatcherError(Exception):
    """Something the operator has to put right; the message says what happened, to what, and what to do."""


class ConfigError(DispatcherError):
    """The configuration was not understood. Nothing starts on a configuration it did not understand."""


class SchemaError(DispatcherError):
    """The database is there, but its schema or privileges are not what this version can work with."""


class DatabaseAway(DispatcherError):
    """The database cannot be reached, or went away in the middle. Waiting and trying again is the right answer."""


class Unreachable(DatabaseAway):
    """It could not even be connected to: nothing was said."""


class StatementFailed(DispatcherError):
    """Postgres understood a statement and could not carry it out: somebody's data, a lock, a limit.

    `timed_out`: it took too long, and so would its halves. `locked`: somebody else's lock was in the way, or a
    deadlock; no data is at fault, and the same again may well succeed.
    """

    def __init__(self, message: str, *, timed_out: bool = False, locked: bool = False) -> None:
        super().__init__(message)
        self.timed_out = timed_out
        self.locked = locked

    @property
    def is_passing(self) -> bool:
        """Whether waiting may cure it."""
        return self.timed_out or self.locked


class Refused(StatementFailed):
    """The schema refuses what it was given, and says what is allowed: the same words for SQL, the API and people.

    `rule` is the constraint's name, `code` the SQLSTATE; `hint` says what is allowed.
    """

    def __init__(self, code: str, rule: str, message: str, hint: str) -> None:
        super().__init__(f"{code}: {message}")
        self.rule, self.message, self.hint = rule, message, hint


class Missing(DispatcherError):
    """What was asked for is not there, or is somebody else's: which of the two, nobody is told."""

    def __init__(self, noun: str, which: object) -> None:
        super().__init__(f"there is no {noun} {which}")
        self.noun, self.which = noun, which


class AnotherInstallation(ConfigError):
    """The database belongs to another installation: it is a copy, or the configuration is."""

    def __init__(self, ours: str, theirs: str) -> None:
        super().__init__(
            f"the database belongs to installation {theirs!r}, and dispatch.installation is {ours!r}. If it is a copy, "
            "make it this one's own: dispatcher run --adopt (--discard-before INSTANT, the copy's, drops what the "
            "original sends itself); if it is not, set dispatch.installation"
        )
