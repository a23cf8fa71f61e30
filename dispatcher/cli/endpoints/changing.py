"""`dispatcher endpoint create`, `update` and `rotate-secret`."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import typer

from dispatcher.cli.asking import Asked, ask
from dispatcher.cli.endpoints import wording
from dispatcher.cli.endpoints.given import Given, patterns
from dispatcher.cli.endpoints.judging import ground, refuse_url, signs_if_asked
from dispatcher.cli.printing import show_json
from dispatcher.cli.promises.known import Known
from dispatcher.cli.promises.known import read as read_known
from dispatcher.cli.screen import DIM, GOOD, WARN, Line, Screen
from dispatcher.errors import DispatcherError
from dispatcher.model import State
from dispatcher.policy.wording import about
from dispatcher.store import endpoints
from dispatcher.store.session import Row

ONCE = "It is shown this once. Give it to the receiver, who verifies each request with it."
KEY_ONCE = "It is shown this once. The receiver finds it in each request."


def create(config: Path | None, given: Given, *, as_json: bool) -> None:
    """Raises `Refused`, and what `ask` raises."""
    known, settings, screen = read_known(config), given.settings(), Screen()
    refuse_url(known, str(given.url), given.profile)
    ground(known).refuse_secret(settings.get("secret"), given.profile)

    async def work(asked: Asked) -> tuple[endpoints.Made, Row]:
        if given.makes_key:
            settings["api_key"] = await endpoints.generate_api_key(asked.session)
        made = await endpoints.create(asked.session, orjson.dumps(settings))
        return made, await endpoints.read(asked.session, made.endpoint_id)

    made, row = ask(config, "endpoint create", work)
    secret = made.secret if "secret" not in settings else None
    key = settings["api_key"] if given.makes_key else None
    if as_json:
        show_json(screen, {"endpoint_id": made.endpoint_id, "state": row["state"], "secret": secret, "api_key": key})
        return
    for line in _created(row, secret, key, is_unsigned=signs_if_asked(known, row)):
        screen.whole(*line)


def _created(row: Row, secret: str | None, key: str | None, *, is_unsigned: bool) -> Iterator[Line]:
    number = row["endpoint_id"]
    yield [(f"endpoint {number}", f"bold {GOOD}"), f" is {row['state']}: {', '.join(row['types'])} to {row['url']}"]
    if secret:
        yield [("secret   ", DIM), secret]
        yield [("         ", DIM), (ONCE, DIM)]
    if key:
        yield [("api key  ", DIM), key]
        yield [("         ", DIM), (KEY_ONCE, DIM)]
    if is_unsigned:
        yield [("unsigned ", WARN), f"dispatcher endpoint rotate-secret {number} makes a secret"]
    if row["state"] == State.INACTIVE:
        yield [f"It gets no event yet: dispatcher endpoint test {number}, then dispatcher endpoint activate {number}"]


def update(
    config: Path | None, endpoint_id: int, given: Given, add: Sequence[str], remove: Sequence[str], *, as_json: bool
) -> None:
    """Raises `Refused`, `Missing`, and what `ask` raises."""
    if given.types and (add or remove):
        raise typer.BadParameter("it replaces them all: leave --add-type and --remove-type out", param_hint="--types")
    known, settings, screen = read_known(config), given.settings(), Screen()
    if not (settings or add or remove or given.makes_key):
        raise typer.BadParameter("nothing to change is given")

    async def work(asked: Asked) -> tuple[list[str], str | None]:
        row = await endpoints.read(asked.session, endpoint_id)
        _judge(known, row, settings)
        changes = settings | _retyped(row, patterns(add), patterns(remove))
        key = await endpoints.generate_api_key(asked.session) if given.makes_key else None
        changes |= {"api_key": key} if key else {}
        await endpoints.update(asked.session, endpoint_id, orjson.dumps(changes))
        return sorted(changes), key

    changed, key = ask(config, "endpoint update", work)
    if as_json:
        show_json(screen, {"endpoint_id": endpoint_id, "changed": changed, "api_key": key})
        return
    screen.whole((f"endpoint {endpoint_id}", GOOD), f": changed {', '.join(changed)}")
    if key:
        screen.whole(("api key  ", DIM), key)
        screen.whole(("         ", DIM), (KEY_ONCE, DIM))


def _judge(known: Known, row: Row, settings: dict[str, Any]) -> None:
    if "url" in settings or "profile" in settings:
        refuse_url(known, settings.get("url", row["url"]), settings.get("profile", row["profile"]))
    ground(known).refuse_secret(settings.get("secret"), settings.get("profile", row["profile"]))


def _retyped(row: Row, add: list[str], remove: list[str]) -> dict[str, list[str]]:
    if not (add or remove):
        return {}
    unknown = [each for each in remove if each not in row["types"]]
    if unknown:
        has = ", ".join(row["types"]) or "none"
        raise DispatcherError(f"endpoint {row['endpoint_id']} has no type {unknown[0]}; it has: {has}")
    return {"types": [*(each for each in row["types"] if each not in remove), *add]}


def rotate(config: Path | None, endpoint_id: int, secret: str | None, overlap: timedelta, *, as_json: bool) -> None:
    """Raises `Refused`, `Missing`, and what `ask` raises."""
    given = Given(secret=secret).settings().get("secret")
    known, screen = read_known(config), Screen()

    async def work(asked: Asked) -> tuple[str, Row]:
        before = await endpoints.read(asked.session, endpoint_id)
        ground(known).refuse_secret(given, before["profile"])
        new = await endpoints.rotate_secret(
            asked.session, endpoint_id, secret=given, overlap_s=overlap.total_seconds()
        )  # fmt: skip
        return new, await endpoints.read(asked.session, endpoint_id)

    new, row = ask(config, "endpoint rotate-secret", work)
    until = row["previous_secret_until"]
    shown = new if given is None else None
    if as_json:
        show_json(screen, {"endpoint_id": endpoint_id, "secret": shown, "previous_secret_until": until})
        return
    screen.whole((wording.named(row), f"bold {GOOD}"), " has a new secret")
    if shown:
        screen.whole(("secret   ", DIM), shown)
        screen.whole(("         ", DIM), (ONCE, DIM))
    if until:
        screen.whole(
            f"The former one signs, too, for {about(overlap.total_seconds())}, until {until:%Y-%m-%d %H:%M:%SZ}"
        )
