"""What a handler is given."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from dispatcher.policy.tokens import Token
from dispatcher.store.session import Session

Q = TypeVar("Q", bound=BaseModel | None)
B = TypeVar("B", bound=BaseModel | None)


@dataclass(frozen=True, slots=True)
class Asked(Generic[Q, B]):
    """What a request says, all of it checked.

    `path` has what the route's path names, of the types in `parameters`. `raw` is the body as it came: a field that is
    left out differs from one that is given as its default. `key`: its Idempotency-Key, and `mark` what it stands for.
    """

    path: Mapping[str, Any]
    query: Q
    body: B
    raw: bytes = b""
    key: str | None = None
    mark: bytes = b""


@dataclass(frozen=True, slots=True)
class Whose:
    """Who asks, and the session to answer with."""

    token: Token
    session: Session


@dataclass(frozen=True, slots=True)
class Call(Generic[Q, B]):
    """A request that was let through: whose it is, and what it asks for.

    `session` is within a transaction, unless the route only reads or is not atomic. A route that is open to everybody
    has neither `token` nor `session`.
    """

    asked: Asked[Q, B]
    _whose: Whose | None = field(default=None)

    @property
    def path(self) -> Mapping[str, Any]:
        return self.asked.path

    @property
    def query(self) -> Q:
        return self.asked.query

    @property
    def body(self) -> B:
        return self.asked.body

    @property
    def raw(self) -> bytes:
        return self.asked.raw

    @property
    def token(self) -> Token:
        return self._known.token

    @property
    def session(self) -> Session:
        return self._known.session

    @property
    def tenant(self) -> str | None:
        """Whose data may be seen and touched; None: everybody's."""
        return self.token.tenant

    @property
    def _known(self) -> Whose:
        if self._whose is None:
            raise LookupError("a route that is open to everybody knows nobody")
        return self._whose
