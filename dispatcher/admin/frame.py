"""A request's way: the right host, a known path, no other site, a token, its rate, its scope, and then what it says."""

import asyncio
import secrets
from collections.abc import Callable, Collection
from typing import Any

import structlog
from aiohttp import web

from dispatcher.admin import audit, guard, once, reading
from dispatcher.admin.bearers import Bearers
from dispatcher.admin.body import BODY_S, read
from dispatcher.admin.call import Asked, Call, Whose
from dispatcher.admin.connections import peer_of, working
from dispatcher.admin.limits import Rates
from dispatcher.admin.problems import Problem
from dispatcher.admin.replies import Reply, made, of_problem, problem_of
from dispatcher.admin.routes import AnyRoute, Table
from dispatcher.policy.tokens import Token
from dispatcher.store.shared import Shared
from dispatcher.store.transactions import transaction

log = structlog.get_logger()

AUTHENTICATION_S = 5.0
SOON = {"Retry-After": "2"}


class Frame:
    """Answers requests. `hosts`: what may stand in a Host header."""

    def __init__(self, table: Table, bearers: Bearers, sessions: Shared, clock: Callable[[], float]) -> None:
        self.hosts: Collection[str] = guard.HERE
        self.body_s = BODY_S
        self._table = table
        self._bearers = bearers
        self._sessions = sessions
        self._clock = clock
        self._rates = Rates()

    def __repr__(self) -> str:
        return f"<Frame {len(self._table.routes)} routes, {self._bearers!r}, {self._rates!r}>"

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        began = self._clock()
        try:
            response = made(await self._answer(request))
        except Exception as error:  # noqa: BLE001 whatever it is, this request has an answer, and so has the next one
            response = of_problem(self._said(error))
        took_ms = round((self._clock() - began) * 1000)
        path = request.raw_path.partition("?")[0][:200]
        log.debug("request.answered", method=request.method, path=path, status=response.status, duration_ms=took_ms)
        return response

    def _said(self, error: Exception) -> Problem:
        if (problem := problem_of(error)) is not None:
            return problem
        error_id = secrets.token_hex(8)
        log.error("request.failed", id=error_id, exc_info=error)
        return Problem("internal", f"this is a fault of ours; our log has more about it under {error_id}", id=error_id)

    async def _answer(self, request: web.BaseRequest) -> Reply:
        path, query = guard.path_of(request.raw_path, request.raw_headers, self.hosts)
        route, named = self._route(request.method, path)
        if route.scope is None:
            return Reply.of(route, await route.handler(Call(Asked(named, None, None))))
        guard.refuse_other_sites(request.raw_headers)
        token = await self._token(request, route)
        asked = await self._asked(request, route, path, named, query)
        with working(request):
            reply = await self._in_time(route, token, asked)
        if route.writes and not reply.is_repeated and not reply.answer.is_dry:
            audit.note(route, token, peer_of(request), reply.answer)
        return reply

    def _route(self, method: str, path: str) -> tuple[AnyRoute, dict[str, str]]:
        methods, named = self._table.find(path)
        if not methods:
            raise Problem("not-found", "there is nothing at this path; /api/v1/openapi.json has all that there is")
        route = methods.get("GET" if method == "HEAD" else method)
        if route is None:
            allow = ", ".join(sorted({*methods, *(["HEAD"] if "GET" in methods else [])}))
            raise Problem("method-not-allowed", f"this path has {allow}", headers={"Allow": allow}, closes=True)
        return route, named

    async def _token(self, request: web.BaseRequest, route: AnyRoute) -> Token:
        try:
            async with asyncio.timeout(AUTHENTICATION_S):
                token = await self._bearers.who(request.raw_headers, peer_of(request))
        except TimeoutError:
            raise Problem("unavailable", "the database does not answer", headers=SOON) from None
        if wait_s := self._rates.take(token.id, self._clock()):
            headers = {"Retry-After": str(max(round(wait_s), 1))}
            raise Problem("too-many", "a token has 50 requests a second", headers=headers)
        if route.scope is not None and not token.allows(route.scope):
            raise Problem("forbidden", f"this takes a token of scope {route.scope}; this one's is {token.scope}")
        return token

    async def _asked(
        self, request: web.BaseRequest, route: AnyRoute, path: str, named: dict[str, str], query: str
    ) -> Asked[Any, Any]:
        headers = request.raw_headers
        if route.writes:
            guard.refuse_other_contents(headers, takes_body=route.body is not None, needs_body=route.needs_body)
        key = once.key_of(headers) if route.is_creating else None
        given, parameters = reading.path(named), reading.query(query, route.query)
        raw = await read(request, self.body_s) if route.writes else b""
        body = reading.body(raw, route.body, needed=route.needs_body)
        mark = once.fingerprint(route.method, path, raw) if key is not None else b""
        return Asked(given, parameters, body, raw, key, mark)

    async def _in_time(self, route: AnyRoute, token: Token, asked: Asked[Any, Any]) -> Reply:
        try:
            async with asyncio.timeout(route.within_s):
                return await self._carried_out(route, token, asked)
        except TimeoutError:
            raise Problem("unavailable", f"it took longer than {route.within_s:g} s", headers=SOON) from None

    async def _carried_out(self, route: AnyRoute, token: Token, asked: Asked[Any, Any]) -> Reply:
        async with self._sessions.one(token.id, is_slow=route.is_slow) as session:
            if not (route.writes and route.is_atomic):
                return Reply.of(route, await route.handler(Call(asked, Whose(token, session))))
            async with transaction(session) as inside:
                call = Call(asked, Whose(token, inside))
                if asked.key is not None:
                    return await once.carry_out(route, call, asked.key)
                return Reply.of(route, await route.handler(call))
