"""A request with an Idempotency-Key is carried out once, however often it comes.

The key is claimed in the transaction that does the work: a crash between the two leaves neither, and whoever comes
meanwhile waits for the first one's end. Only what succeeded is remembered: what was refused may be tried again.
"""

import re
from hashlib import sha256
from typing import Any

import orjson

from dispatcher.admin.answer import Answer
from dispatcher.admin.call import Call
from dispatcher.admin.guard import Headers, values
from dispatcher.admin.problems import Problem
from dispatcher.admin.replies import Reply
from dispatcher.admin.routes import AnyRoute
from dispatcher.errors import StatementFailed
from dispatcher.store import requests

KEY = re.compile(r"[!-~]{1,255}")
HEADER = "Idempotency-Key"
REPEATED = {"Idempotency-Replayed": "true"}


def key_of(headers: Headers) -> str | None:
    """The key that was given. Raises `Problem` for one that is none."""
    given = values(headers, HEADER.lower().encode())
    if not given:
        return None
    if len(given) > 1 or not KEY.fullmatch(given[0]):
        raise Problem("malformed", f"{HEADER} has to be there once, 1 to 255 characters of visible ASCII")
    return given[0]


def fingerprint(method: str, path: str, raw: bytes) -> bytes:
    """What is asked for, whatever the spaces and the order of names."""
    asked = orjson.dumps(orjson.loads(raw or b"null"), option=orjson.OPT_SORT_KEYS)
    return sha256(b"\0".join((method.encode(), path.encode(), asked))).digest()


async def carry_out(route: AnyRoute, call: Call[Any, Any], key: str) -> Reply:
    """What the handler answers, or answered when it was called before.

    Within a transaction. Raises `Problem`: the key was used for something else, or its first request is under way.
    """
    try:
        before = await requests.claim(call.session, call.token.id, key, call.asked.mark)
    except StatementFailed as error:
        if not error.is_passing:
            raise
        raise Problem("conflict", f"the first request with this {HEADER} is under way: try again soon") from None
    if before is not None:
        return await _again(route, call, before)
    reply = Reply.of(route, await route.handler(call))
    kept = reply.body if route.again is None else orjson.dumps(dict(reply.answer.kept or {}))
    await requests.keep(call.session, call.token.id, key, reply.status, kept)
    return reply


async def _again(route: AnyRoute, call: Call[Any, Any], before: requests.Before) -> Reply:
    if before.fingerprint != call.asked.mark:
        raise Problem("key-reused", f"this {HEADER} was used for another request within the last day: take another key")
    if route.again is None:
        return Reply(before.status, before.reply, Answer(headers=REPEATED), is_repeated=True)
    reply = Reply.of(route, await route.again(call, orjson.loads(before.reply or b"{}")))
    answer = Answer(headers={**reply.answer.headers, **REPEATED})
    return Reply(before.status, reply.body, answer, is_repeated=True)
