"""A route as a value: what is asked for and how, who may, what comes back."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal

from pydantic import BaseModel

from dispatcher.admin.answer import Answer
from dispatcher.admin.call import B, Call, Q
from dispatcher.admin.parameters import PARAMETERS
from dispatcher.policy.tokens import Scope

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Handler = Callable[[Call[Q, B]], Awaitable[Answer]]

API = "/api/v1"
SEGMENT = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Route(Generic[Q, B]):
    """One thing that can be asked for.

    `scope` None: nobody has to show a token. `errors`: what a status means that only some routes have; those that any
    such route can have are added. `is_creating`: takes an Idempotency-Key. `again`: makes the answer anew from what was
    `kept` of it, where the body has a secret, which is never stored. `is_atomic` False: what it changes
    is not changed in one transaction, because it takes long, or waits for what others do about it. `is_slow`: it takes
    seconds, and leaves sessions to the others.
    """

    method: Method
    path: str
    name: str
    """The operationId, and what the audit log calls it."""
    summary: str
    handler: Handler[Q, B]
    scope: Scope | None
    query: type[Q] | None = None
    body: type[B] | None = None
    reply: type[BaseModel] | None = None
    status: int = 200
    description: str = ""
    tag: str = ""
    errors: Mapping[int, str] | None = None
    is_creating: bool = False
    is_atomic: bool = True
    is_slow: bool = False
    again: Callable[[Call[Q, B], Mapping[str, Any]], Awaitable[Answer]] | None = None
    within_s: float = 10.0

    @property
    def writes(self) -> bool:
        return self.method != "GET"

    @property
    def needs_body(self) -> bool:
        """Whether there has to be one: what acts by its defaults goes without, a change of nothing is a mistake."""
        body: type[Any] | None = self.body
        if body is None or self.method != "POST":
            return body is not None
        return any(each.is_required() for each in body.model_fields.values())

    @property
    def names(self) -> list[str]:
        """What its path names."""
        return SEGMENT.findall(self.path)


AnyRoute = Route[Any, Any]


class Table:
    """All routes, found by method and path."""

    def __init__(self, routes: Sequence[AnyRoute]) -> None:
        self.routes = tuple(routes)
        self._patterns: dict[str, re.Pattern[str]] = {}
        self._methods: dict[str, dict[str, AnyRoute]] = {}
        for route in self.routes:
            _refuse_nonsense(route, self._methods.get(route.path, {}))
            # A name never holds a slash, not even one that was encoded: what is matched is the path as it came.
            self._patterns[route.path] = re.compile(SEGMENT.sub(r"(?P<\1>[^/]+)", route.path))
            self._methods.setdefault(route.path, {})[route.method] = route

    def find(self, path: str) -> tuple[dict[str, AnyRoute], dict[str, str]]:
        """The methods of a path as it came, and what it names; no methods where there is no such path."""
        for template, pattern in self._patterns.items():
            if (found := pattern.fullmatch(path)) is not None and not _is_shadowed(template, path, self._methods):
                return self._methods[template], found.groupdict()
        return {}, {}


def _is_shadowed(template: str, path: str, methods: Mapping[str, object]) -> bool:
    """A path without names outweighs one with."""
    return template != path and path in methods


def _refuse_nonsense(route: AnyRoute, known: Mapping[str, AnyRoute]) -> None:
    if route.method in known:
        raise ValueError(f"{route.method} {route.path} is there twice")
    if unknown := set(route.names) - set(PARAMETERS):
        raise ValueError(f"{route.path}: {unknown} is not among parameters.PARAMETERS")
    if route.is_creating and (route.method != "POST" or not route.is_atomic):
        raise ValueError(f"{route.name}: what creates is a POST, done as a whole")
    if route.scope in {None, "read"} and route.writes:
        raise ValueError(f"{route.name}: whoever may only read changes nothing")
