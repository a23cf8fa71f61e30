"""Replays: begun, gone on with, ended. A request does as much as fits into its time."""

import time
from typing import Any

from dispatcher.admin.answer import Answer
from dispatcher.admin.call import Call
from dispatcher.admin.routes import API, Route
from dispatcher.admin.shapes.replay import NewReplay, Replay
from dispatcher.errors import Missing
from dispatcher.store import endpoints, replays
from dispatcher.store.replays import Pace, Wanted

PATH = f"{API}/replays/{{replay_id}}"
BUDGET_S = 4.0


async def begin(call: Call[None, NewReplay]) -> Answer:
    endpoint_id, asked = call.path["endpoint_id"], call.body
    await endpoints.read(call.session, endpoint_id, call.tenant)
    until = asked.until or await call.session.value("read_clock")
    wanted = Wanted(endpoint_id, asked.since, until, tuple(asked.types), asked.only_dead)
    if asked.dry_run:
        return Answer(await _previewed(call, wanted), is_dry=True)
    begun = await replays.begin(call.session, wanted)
    carried = await replays.carry_on(call.session, begun.id, Pace(), BUDGET_S)
    on = {"endpoint_id": endpoint_id, "replay_id": begun.id, "made": carried.made}
    return Answer(_shape(carried), on=on, headers={"Location": PATH.format(replay_id=begun.id)})


async def show(call: Call[None, None]) -> Answer:
    return Answer(_shape(await _current(call)))


async def resume(call: Call[None, None]) -> Answer:
    replay = await _current(call)
    if not replay.is_finished:
        replay = await replays.carry_on(call.session, replay.id, Pace(), BUDGET_S)
    return Answer(_shape(replay), on=_ids(replay))


async def end(call: Call[None, None]) -> Answer:
    replay = await replays.end(call.session, (await _current(call)).id)
    return Answer(_shape(replay), on=_ids(replay))


async def _current(call: Call[Any, Any]) -> replays.Replay:
    replay_id = call.path["replay_id"]
    for replay in await replays.listed(call.session, replay_id):
        try:
            await endpoints.read(call.session, replay.wanted.endpoint_id, call.tenant)
        except Missing:
            break
        return replay
    raise Missing("replay", replay_id)


async def _previewed(call: Call[Any, Any], wanted: Wanted) -> Replay:
    """As far as there is time to count."""
    until = time.monotonic() + BUDGET_S
    preview = replays.preview(call.session, wanted, Pace())
    seen = await anext(preview)
    while not seen.is_whole and time.monotonic() < until:
        seen = await anext(preview)
    await preview.aclose()
    return Replay(id=None, **_asked(wanted), made=seen.made, done=round(seen.done, 4), is_finished=seen.is_whole)


def _shape(replay: replays.Replay) -> Replay:
    return Replay(
        id=replay.id,
        **_asked(replay.wanted),
        made=replay.made,
        done=round(replay.done, 4),
        is_finished=replay.is_finished,
    )


def _asked(wanted: Wanted) -> dict[str, Any]:
    return {
        "endpoint_id": wanted.endpoint_id,
        "since": wanted.since,
        "until": wanted.until,
        "types": list(wanted.types),
        "only_dead": wanted.only_dead,
    }


def _ids(replay: replays.Replay) -> dict[str, object]:
    return {"endpoint_id": replay.wanted.endpoint_id, "replay_id": replay.id, "made": replay.made}


ROUTES = (
    Route(
        method="POST", path=f"{API}/endpoints/{{endpoint_id}}/replay", name="replay_endpoint", tag="replays",
        scope="operate", summary="Deliver stored events anew, each with all its attempts.", handler=begin,
        body=NewReplay, reply=Replay, is_creating=True, is_slow=True,
        description="As much as fits into four seconds; the rest by going on with it.",
        errors={409: "It is inactive or disabled, or has an unfinished replay; or the key is used."},
    ),
    Route(
        method="GET", path=PATH, name="show_replay", tag="replays", scope="read",
        summary="Show how far a replay came.", handler=show, reply=Replay,
    ),
    Route(
        method="POST", path=f"{PATH}/resume", name="resume_replay", tag="replays", scope="operate",
        summary="Go on with a replay.", handler=resume, reply=Replay, is_atomic=False, is_slow=True,
        errors={409: "Its endpoint is inactive or disabled."},
    ),
    Route(
        method="POST", path=f"{PATH}/end", name="end_replay", tag="replays", scope="operate",
        summary="End a replay as it is: what it has made stays.", handler=end, reply=Replay,
    ),
)  # fmt: skip
