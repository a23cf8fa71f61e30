"""What the demonstration shows: the programme, a line for every attempt, how it ended."""

import asyncio
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Protocol
from urllib.parse import parse_qs, urlsplit

import orjson

from dispatcher.cli.demonstration.application import Sum
from dispatcher.cli.demonstration.receivers import Receiver
from dispatcher.cli.screen import BAD, DIM, GOOD, NAME, WARN, Screen
from dispatcher.observe import lines
from dispatcher.observe.lines import Fields

MARKS = {"delivered": ("✓ delivered", GOOD), "retrying": ("↻ retrying", WARN)}


class Audience(Protocol):
    """Who watches. `attend` is a sink of the log; it may be called at any time after `open`."""

    def open(self, psql_dsn: str, receivers: Mapping[int, Receiver]) -> None: ...
    def attend(self, level: str, event: str, fields: Fields) -> None: ...
    def close(self, total: Sum) -> None: ...


class Eyes:
    """A person."""

    def __init__(self, gone: asyncio.Event, *, endless: bool) -> None:
        self._screen = Screen(gone=gone.set)
        self._endless = endless
        self._names: Mapping[int, Receiver] = {}
        self._screen.text("starting a private Postgres and a dispatcher …")

    def open(self, psql_dsn: str, receivers: Mapping[int, Receiver]) -> None:
        self._names = receivers
        say = self._screen.text
        say("\nLook inside, or add an event of your own:", ("  (Ctrl-C ends it all)" if self._endless else "", DIM))
        say(f"  {_psql(psql_dsn)}")
        say("""  INSERT INTO webhooks.events (type, data) VALUES ('order.paid', '{"id": 1}');""")
        say("\nThree receivers, which verify every signature:")
        for receiver in receivers.values():
            say("  ", (f"{receiver.name:6} ", NAME), f"{receiver.about:26}", (" ".join(receiver.types), DIM))
        say((f"\n{'time':9}{'event':17}{'receiver':9}{'try':4}{'outcome':12}{'status':7}{'took':>7}", DIM))

    def attend(self, level: str, event: str, fields: Fields) -> None:
        if event == "attempt.settled":
            self._show(fields)
        elif level in {"warning", "error", "critical"}:
            told = " ".join(f"{key}={value}" for key, value in lines.told(fields).items() if value is not None)
            self._screen.text((f"{time.strftime('%H:%M:%S')} {event} {told}", WARN))

    def close(self, total: Sum) -> None:
        self._screen.text(
            f"\n{total.events} events, {total.deliveries} deliveries: ",
            (f"{total.delivered} delivered", GOOD if total.delivered else ""),
            *([f", {left} open"] if (left := total.deliveries - total.delivered - total.dead) > 0 else []),
            ", ",
            (f"{total.dead} dead", BAD if total.dead else ""),
            ", ",
            (f"{total.unverified} unverified", BAD if total.unverified else ""),
        )

    def _show(self, fields: Fields) -> None:
        outcome, status = str(fields["outcome"]), fields["status"]
        receiver = self._names.get(int(str(fields["endpoint_id"])))
        mark, style = MARKS.get(outcome, (f"✗ {outcome}", BAD))
        self._screen.line(
            (f"{time.strftime('%H:%M:%S')} ", DIM),
            f"{fields['event_type']!s:16} ",
            (f"{receiver.name if receiver else fields['endpoint_id']!s:8} ", NAME),
            f"{fields['attempt'] or '-'!s:<3} ",
            (f"{mark:11} ", style),
            f"{status or fields['reason'] or ''!s:<6} ",
            (f"{fields['duration_ms']!s:>4} ms", DIM),
            (_again(fields["next_at"]), WARN),
        )


class Program:
    """A program: the log line of each attempt, if it goes on and on, and the sum as the last line."""

    def __init__(self, gone: asyncio.Event, *, endless: bool) -> None:
        self._screen = Screen(gone=gone.set)
        self._endless = endless
        self._clock = lines.Clock()

    def open(self, psql_dsn: str, receivers: Mapping[int, Receiver]) -> None:
        if self._endless:
            opened = {"dsn": psql_dsn, "receivers": [receiver.name for receiver in receivers.values()]}
            self._screen.raw(orjson.dumps(opened, option=orjson.OPT_APPEND_NEWLINE))

    def attend(self, level: str, event: str, fields: Fields) -> None:
        if self._endless:
            self._screen.raw(lines.json(self._clock(), level, event, fields))

    def close(self, total: Sum) -> None:
        self._screen.raw(total.json)


def _psql(dsn: str) -> str:
    """The DSN as a command that fits on a line."""
    parts = urlsplit(dsn)
    return f"psql -h {parse_qs(parts.query)['host'][0]} -U {parts.username} {parts.path[1:]}"


def _again(next_at: object) -> str:
    if not isinstance(next_at, str):
        return ""
    left = datetime.fromisoformat(next_at) - datetime.now(UTC)
    return f" again in {max(left.total_seconds(), 0):.1f} s"
