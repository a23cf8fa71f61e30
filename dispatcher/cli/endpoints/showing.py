"""`dispatcher endpoint show`: all of its settings, how it stands, and what to do about it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from dispatcher.cli.asking import Asked, ask
from dispatcher.cli.deliveries import wording as told
from dispatcher.cli.endpoints import wording
from dispatcher.cli.endpoints.advice import advice
from dispatcher.cli.endpoints.judging import in_force
from dispatcher.cli.printing import show, show_json, width_of
from dispatcher.cli.promises.known import Known, read
from dispatcher.cli.screen import DIM, NAME, WARN, Line, Screen
from dispatcher.policy.wording import span
from dispatcher.store import deliveries, endpoints
from dispatcher.store.session import Row, Rows

LABEL = 15
LAST = 5
NEVER_JSON = ("filter", "subscriptions", "timeout_s", "max_in_flight", "max_attempts")


@dataclass(frozen=True, slots=True)
class Shown:
    row: Row
    subscriptions: list[dict[str, Any]]
    settings: dict[str, dict[str, Any]]
    deliveries: Rows
    advice: list[tuple[str, str]]
    now: datetime


def show_one(config: Path | None, endpoint_id: int, *, as_json: bool) -> None:
    """Raises `Missing`, and what `ask` raises."""
    known, screen = read(config), Screen()

    async def work(asked: Asked) -> Shown:
        return await _shown(asked, known, endpoint_id)

    shown = ask(config, "endpoint show", work)
    if as_json:
        show_json(screen, _keyed(shown))
        return
    for line in _lines(shown):
        screen.whole(*line)
    show(screen, _latest(shown, width_of(screen)))
    for words, why in shown.advice:
        screen.whole(("next           ", DIM), words, (f"  {why}" if why else "", DIM))


async def _shown(asked: Asked, known: Known, endpoint_id: int) -> Shown:
    row = await endpoints.read(asked.session, endpoint_id)
    latest = await deliveries.find(asked.session, deliveries.Wanted(endpoint_id=endpoint_id), most=LAST)
    subscriptions = orjson.loads(row["subscriptions"])
    return Shown(row, subscriptions, in_force(known, row), latest.rows, advice(row, asked.now), asked.now)


def _keyed(shown: Shown) -> dict[str, Any]:
    return {
        **{key: value for key, value in shown.row.items() if key not in NEVER_JSON},
        "subscriptions": shown.subscriptions,
        "settings": shown.settings,
        "deliveries": [told.keyed(row) for row in shown.deliveries],
        "advice": [words for words, _ in shown.advice],
    }


def _lines(shown: Shown) -> Iterator[Line]:
    row, now = shown.row, shown.now
    yield [(f"endpoint {row['endpoint_id']}", f"bold {NAME}"), f"  {row['name'] or ''}"]
    yield _line("url", row["url"])
    if row["tenant"]:
        yield _line("tenant", row["tenant"])
    yield from _standing(row, now)
    yield [""]
    for each in shown.subscriptions:
        yield _line("type", each["pattern"], f"  where {each['filter']}" if each["filter"] else "")
    if not shown.subscriptions:
        yield _line("type", "none: it gets no event", style=WARN)
    yield _line("profile", row["profile"] or "the default")
    for key, each in shown.settings.items():
        value = "unknown" if each["value"] is None else f"{each['value']:g}"
        yield [(f"{key:{LABEL}}", DIM), f"{value:10}", (each["source"], DIM)]
    yield _line("rate_limit", f"{row['rate_limit']:g} a second" if row["rate_limit"] is not None else "none")
    yield _line("ordered", "yes" if row["ordered"] else "no")
    yield _line("secret", _secret(row, now))
    yield _line("api_key", "set" if row["has_api_key"] else "none")
    yield _line("headers", ", ".join(row["header_names"]) or "none")
    yield _line("created", told.stamp(row["created_at"]))


def _standing(row: Row, now: datetime) -> Iterator[Line]:
    state = wording.state(row, now)
    yield [(f"{'state':{LABEL}}", DIM), (state.text, state.style), f", since {_at(row['state_at'], now)}"]
    if row["failing_since"] is not None:
        yield _line("failing since", _at(row["failing_since"], now))
    if wording.is_parked(row, now):
        yield _line("parked until", f"{told.stamp(row['parked_until'])}: then one delivery is tried")
    late = row["oldest_due_at"]
    oldest = f", oldest due {span((now - late).total_seconds())} ago" if late is not None and late < now else ""
    yield _line("open", f"{wording.opened(row['open'])}{oldest}")
    last = wording.last(row, now)
    yield [(f"{'last':{LABEL}}", DIM), (last.text, last.style)]
    yield _line("last hour", wording.rates(row, "1h"))
    yield _line("last day", wording.rates(row, "24h"))


def _secret(row: Row, now: datetime) -> str:
    if not row["has_secret"]:
        return "none"
    until = row["previous_secret_until"]
    return f"set; the former one signs, too, until {told.stamp(until)}" if until is not None and until > now else "set"


def _latest(shown: Shown, width: int) -> Iterator[Line]:
    if shown.deliveries:
        yield [""]
        yield from told.lines_of(shown.deliveries, shown.now, width)
    if shown.deliveries or shown.advice:
        yield [""]


def _at(at: datetime, now: datetime) -> str:
    return f"{told.stamp(at)} ({span((now - at).total_seconds())})"


def _line(label: str, value: str, more: str = "", style: str = "") -> Line:
    return [(f"{label:{LABEL}}", DIM), (value, style), (more, DIM)]
