"""Who would get it, and why the others would not."""

import asyncio
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson

from dispatcher.cli.columns import row, widths
from dispatcher.cli.database import login
from dispatcher.cli.matching.judge import Judged, Why, judge
from dispatcher.cli.matching.wanted import Wanted
from dispatcher.cli.screen import DIM, GOOD, NAME, WARN, Line, Screen
from dispatcher.config import load
from dispatcher.errors import DispatcherError
from dispatcher.observe.printable import printable
from dispatcher.pipeline.filters import TRY_S
from dispatcher.policy.wording import plural
from dispatcher.store.matching import Asked, Matcher

LISTED, NAMED = 50, 10
"""Endpoints that match, in lines of their own; and those of one reason, by their ids."""
UNBOUNDED = 10_000
HEAD = ("endpoint", "name", "url", "")
WIDEST, LEAST = (19, 30, 80, 40), (8, 6, 20, 20)
STYLES, RIGHT = ("", NAME, "", WARN), frozenset({0})
HELD = "paused: held until it is resumed"
PARKED = "parked: once its probe succeeds"


def match(config: Path | None, wanted: Wanted, *, as_json: bool) -> None:
    """Raises `ConfigError`, `DatabaseAway`, `SchemaError`; `DispatcherError` for an endpoint that is not there."""
    asked = asyncio.run(_ask(config, wanted))
    judged = [judge(each, asked.said) for each in asked.endpoints]
    if wanted.endpoint_id is not None and not judged:
        whose = f"tenant {wanted.tenant!r}" if wanted.tenant else "the tenant of no name"
        raise DispatcherError(f"{whose} has no endpoint {wanted.endpoint_id}; whose it is: --tenant")
    screen = Screen()
    if as_json:
        screen.raw(orjson.dumps(_keyed(wanted, judged, asked), option=orjson.OPT_APPEND_NEWLINE))
    elif wanted.endpoint_id is not None:
        for line in _one(wanted, judged[0]):
            screen.text(*line)
    else:
        for line in _all(wanted, judged, asked, screen.columns if screen.is_terminal else UNBOUNDED):
            screen.line(*line)


async def _ask(config: Path | None, wanted: Wanted) -> Asked:
    matcher = Matcher(login(load(config, os.environ)), TRY_S)
    return await matcher.ask(wanted.event_type, wanted.data, wanted.tenant, wanted.endpoint_id)


def _keyed(wanted: Wanted, judged: Sequence[Judged], asked: Asked) -> dict[str, Any]:
    matching = [each for each in judged if each.matched]
    return {
        "type": wanted.event_type,
        "tenant": wanted.tenant,
        "matched": len(matching),
        "held": sum(each.held for each in matching),
        "of_other_tenants": asked.others,
        "endpoints": [asdict(each) for each in (*matching, *(each for each in judged if not each.matched))],
    }


def _one(wanted: Wanted, judged: Judged) -> Iterator[Line]:
    name = f"{judged.name} ({judged.url})" if judged.name else judged.url
    would = "would get" if judged.matched else "would not get"
    style = GOOD if judged.matched else WARN
    yield [
        (f"endpoint {judged.endpoint_id} {would} {wanted.event_type}", f"bold {style}"),
        ": " if judged.why else "",
        judged.why or "",
        f" {HELD}" if judged.held else f" {PARKED}" if judged.parked else "",
    ]
    because = f": {judged.state_reason}" if judged.state_reason else ""
    yield [("endpoint  ", DIM), name, f", {judged.state}{because}"]
    yield [("patterns  ", DIM), ", ".join(judged.patterns) or "none that matches"]
    for text, said in judged.filters.items():
        yield [("filter    ", DIM), text, (f"  {said}", WARN)]


def _all(wanted: Wanted, judged: Sequence[Judged], asked: Asked, columns: int) -> Iterator[Line]:
    matching = [each for each in judged if each.matched]
    whose = f" of tenant {wanted.tenant!r}" if wanted.tenant else ""
    would = f"{len(matching):,} of {plural(len(judged), 'endpoint')}{whose} would get {wanted.event_type}"
    yield [(would, f"bold {GOOD if matching else WARN}")]
    if matching:
        yield [""]
        yield from _table(matching[:LISTED], columns)
    if len(matching) > LISTED:
        yield [(f"and {len(matching) - LISTED:,} more: --json has them all", DIM)]
    if len(matching) < len(judged):
        yield [""]
        yield from _others(judged)
    if asked.others:
        yield [""]
        yield [(f"{plural(asked.others, 'endpoint')} of other tenants: their events are others", DIM)]


def _table(matching: Sequence[Judged], columns: int) -> Iterator[Line]:
    lines = [HEAD, *(_cells(each) for each in matching)]
    kept = [place for place in range(len(HEAD)) if any(line[place] for line in lines[1:])]
    wide = widths(lines, WIDEST, LEAST, columns, kept)
    yield row(HEAD, wide, [DIM] * len(HEAD), RIGHT)
    yield from (row(line, wide, STYLES, RIGHT) for line in lines[1:])


def _cells(each: Judged) -> tuple[str, ...]:
    note = HELD if each.held else PARKED if each.parked else ""
    return str(each.endpoint_id), printable(each.name or ""), printable(each.url), note


def _others(judged: Sequence[Judged]) -> Iterator[Line]:
    for why in Why:
        those = [each for each in judged if each.why is why]
        if those:
            more = f" and {len(those) - NAMED:,} more" if len(those) > NAMED else ""
            named = ", ".join(_named(each) for each in those[:NAMED])
            yield [(f"{len(those):>8,}  ", DIM), (str(why), WARN), (f": {named}{more}", "")]


def _named(each: Judged) -> str:
    """Its id; of one that is disabled, also why it is."""
    is_explained = each.why is Why.DISABLED and each.state_reason
    return f"{each.endpoint_id} ({each.state_reason})" if is_explained else str(each.endpoint_id)
