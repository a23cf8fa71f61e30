"""A request with an Idempotency-Key is carried out once, however often it comes.

The key is claimed in the transaction that does the work: a crash between the two leaves neither, and whoever comes
meanwhile waits for the first one's end. Only what succeeded is remembered: what was refused may be tried again.
"""

import json
import re
from decimal import Decimal
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
    """What is asked for, whatever the spaces and the order of names; numbers as they are written."""
    given = json.loads(raw or b"null", parse_int=Decimal, parse_float=Decimal)
    asked = json.dumps(given, sort_keys=True, default=lambda number: ["\0", str(number)])
    return sha256(f"{method}\0{path}\0{asked}".encode()).digest()


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
    location = reply.answer.headers.get("Location")
    await requests.keep(call.session, call.token.id, key, requests.Answered(reply.status, kept, location))
    return reply


async def _again(route: AnyRoute, call: Call[Any, Any], before: requests.Before) -> Reply:
    if before.fingerprint != call.asked.mark:
        raise Problem("key-reused", f"this {HEADER} was used for another request within the last day: take another key")
    if route.again is None:
        headers = {"Location": before.answered.location} if before.answered.location else {}
        answer = Answer(headers={**headers, **REPEATED})
        return Reply(before.answered.status, before.answered.reply, answer, is_repeated=True)
    reply = Reply.of(route, await route.again(call, orjson.loads(before.answered.reply or b"{}")))
    answer = Answer(headers={**reply.answer.headers, **REPEATED})
    return Reply(before.answered.status, reply.body, answer, is_repeated=True)
