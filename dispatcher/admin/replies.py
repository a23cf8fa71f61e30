"""What goes back, under the headers that every reply has."""

from dataclasses import dataclass, field
from typing import Self

from aiohttp import web
from pydantic import BaseModel

from dispatcher.admin import refusals
from dispatcher.admin.answer import Answer
from dispatcher.admin.problems import CONTENT_TYPE, Problem
from dispatcher.admin.routes import AnyRoute
from dispatcher.errors import ConfigError, DatabaseAway, DispatcherError, Missing, Refused, SchemaError, StatementFailed

HEADERS = {
    "Server": "dispatcher",  # else aiohttp names itself and Python, with versions
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
}
JSON = "application/json"
SOON = {"Retry-After": "2"}
UNMIGRATED = ("42P01", "42703", "42883", "3F000")
"""A table, column, function or schema that is not there yet."""
NOT_READY = Problem("unavailable", "the database is not ready for this: see dispatcher check", headers=SOON)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, written. `is_repeated`: the work was done before."""

    status: int
    body: bytes | None
    answer: Answer = field(default_factory=Answer)
    is_repeated: bool = False

    @classmethod
    def of(cls, route: AnyRoute, answer: Answer) -> Self:
        body = answer.body
        if isinstance(body, BaseModel):
            body = body.model_dump_json(by_alias=True).encode()
        return cls(answer.status or route.status, body, answer)


def made(reply: Reply) -> web.Response:
    headers = {**HEADERS, **reply.answer.headers}
    if reply.body is not None:
        headers["Content-Type"] = JSON
    return web.Response(status=reply.status, body=reply.body, headers=headers)


def of_problem(problem: Problem) -> web.Response:
    headers = {**HEADERS, **problem.headers, "Content-Type": CONTENT_TYPE}
    response = web.Response(status=problem.status, body=problem.body, headers=headers)
    if problem.closes:
        response.force_close()
    return response


def problem_of(error: Exception) -> Problem | None:
    """What there is to say of an error; None for a bug."""
    match error:
        case Problem():
            return error
        case Missing():
            return Problem("not-found", str(error))
        case Refused():
            return refusals.problem_of(error)
        case DatabaseAway():
            return Problem("unavailable", "the database cannot be reached", headers=SOON)
        case StatementFailed() if error.is_passing:
            what = "took too long" if error.timed_out else "is held up by somebody's lock"
            return Problem("unavailable", f"what was asked of the database {what}", headers=SOON)
        case StatementFailed() if str(error).startswith(UNMIGRATED):
            return NOT_READY
        case SchemaError() | ConfigError():
            return NOT_READY
        case DispatcherError() | _:
            return None
