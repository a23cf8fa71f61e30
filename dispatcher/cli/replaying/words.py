"""What there is to say of a replay, in lines and as JSON."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from dispatcher.cli.columns import row, widths
from dispatcher.cli.screen import DIM, GOOD, NAME, WARN, Line
from dispatcher.observe.printable import printable
from dispatcher.policy.wording import instant, plural, span
from dispatcher.store.replays import Preview, Replay, Wanted
from dispatcher.store.session import Row

HELD = "endpoint {id} is paused: what is made is held until it is resumed, and expires after dispatch.hold_days"
REFUSED = "endpoint {id} is {state}: it has to be activated before anything can be replayed to it"

HEAD = ("replay", "endpoint", "since", "until", "events", "made", "")
WIDEST, LEAST = (19, 19, 16, 16, 60, 26, 40), (6, 8, 16, 16, 8, 4, 12)
RIGHT = frozenset({0, 1, 5})
STYLES = ("", NAME, "", "", "", "", DIM)


def about(wanted: Wanted, endpoint: Row) -> Iterator[Line]:
    """What is about to be done, to what, and what will become of it in the endpoint's state."""
    name = f"{endpoint['name']}, " if endpoint["name"] else ""
    because = f" ({endpoint['state_reason']})" if endpoint["state_reason"] else ""
    yield [("endpoint  ", DIM), f"{endpoint['id']}, {name}{endpoint['url']}, {endpoint['state']}{because}"]
    yield [("events    ", DIM), f"{_exact(wanted.since)} to {_exact(wanted.until)}, {_which(wanted)}"]
    if endpoint["state"] == "paused":
        yield [(HELD.format(id=endpoint["id"]), WARN)]
    elif endpoint["state"] != "active":
        yield [(REFUSED.format(id=endpoint["id"], state=endpoint["state"]), WARN)]


def counted(looked: int, made: int) -> str:
    return f"{plural(made, 'delivery')} of {plural(looked, 'event')} looked at".replace("deliverys", "deliveries")


def ended(replay: Replay) -> Iterator[Line]:
    said = counted(replay.looked, replay.made)
    if not replay.is_finished:
        yield [(f"replay {replay.id} is stopped at {replay.done:.0%}", f"bold {WARN}"), f": {said}"]
        yield [goes_on(replay.id)]
    elif replay.done < 1.0:
        yield [(f"replay {replay.id} is ended at {replay.done:.0%}", f"bold {WARN}"), f": {said}, which stay"]
    else:
        yield [(f"replay {replay.id} is finished", f"bold {GOOD}"), f": {said}"]


def previewed(preview: Preview) -> Line:
    said = counted(preview.looked, preview.made)
    if preview.is_whole:
        return [("nothing was made", "bold"), f"; it would be {said}"]
    return [(f"stopped at {preview.done:.0%}", f"bold {WARN}"), f"; so far it would be {said}"]


def goes_on(replay_id: int) -> str:
    return f"go on with: {command(replay_id)}"


def command(replay_id: int) -> str:
    return f"dispatcher replay --resume {replay_id}"


def keyed(replay: Replay) -> dict[str, Any]:
    return {
        "replay_id": replay.id,
        "dry_run": False,
        **_wanted(replay.wanted),
        "looked": replay.looked,
        "made": replay.made,
        "done": round(replay.done, 4),
        "created_at": replay.created_at,
        "changed_at": replay.changed_at,
        "finished_at": replay.finished_at,
        "resume": None if replay.is_finished else command(replay.id),
    }


def keyed_preview(wanted: Wanted, preview: Preview) -> dict[str, Any]:
    counts = {"looked": preview.looked, "made": preview.made, "done": round(preview.done, 4)}
    return {"replay_id": None, "dry_run": True, **_wanted(wanted), **counts}


def table(replays: Sequence[Replay], now: datetime, columns: int) -> Iterator[Line]:
    if not replays:
        yield ["there are none"]
        return
    lines = [HEAD, *(_cells(replay, now) for replay in replays)]
    wide = widths(lines, WIDEST, LEAST, columns, range(len(HEAD)))
    yield row(HEAD, wide, [DIM] * len(HEAD), RIGHT)
    for replay, line in zip(replays, lines[1:], strict=True):
        yield row(line, wide, [*STYLES[:-1], DIM if replay.is_finished else WARN], RIGHT)


def _cells(replay: Replay, now: datetime) -> tuple[str, ...]:
    wanted = replay.wanted
    ago = span((now - replay.changed_at).total_seconds())
    if replay.is_finished:
        state = f"finished {ago} ago" if replay.done >= 1.0 else f"ended at {replay.done:.0%} {ago} ago"
    else:
        state = f"at {replay.done:.0%}, {ago} ago"
    since, until = (instant(each.astimezone(UTC), now) for each in (wanted.since, wanted.until))
    return str(replay.id), str(wanted.endpoint_id), since, until, _which(wanted), f"{replay.made:,}", state


def _which(wanted: Wanted) -> str:
    types = "all types" if "*" in wanted.types else ", ".join(printable(each) for each in wanted.types)
    return f"{types}, dead ones" if wanted.only_dead else types


def _exact(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _wanted(wanted: Wanted) -> dict[str, Any]:
    return {
        "endpoint_id": wanted.endpoint_id,
        "since": wanted.since,
        "until": wanted.until,
        "types": wanted.types,
        "only_dead": wanted.only_dead,
    }
