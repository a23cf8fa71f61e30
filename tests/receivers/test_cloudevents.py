"""The SDKs of CloudEvents, in Python and in JavaScript."""

import json
from datetime import UTC, datetime

import pytest

from tests.support.eventually import eventually
from tests.support.sql import all_settled, attempts, insert, subscribe

DATA = '{"name": "Zoë 日本 🙂", "n": -1.5e3, "order": 42}'
OCCURRED_AT = datetime(2024, 3, 5, 10, 30, tzinfo=UTC)


@pytest.fixture(scope="session")
def http():
    why = "cloudevents is not here; `uv sync --group receivers` brings it"
    return pytest.importorskip("cloudevents.core.bindings.http", reason=why)


async def test_python_s_sdk_reads_a_delivery_as_an_event(running, db, receiver, http):
    async with running():
        await subscribe(db, receiver.url(), profile="cloudevents")
        event_id = await insert(db, data=DATA, occurred_at=OCCURRED_AT)
        await all_settled(db)
    (request,) = receiver.requests
    event = http.from_http_event(http.HTTPMessage(headers=request.headers, body=request.body))
    assert event.get_specversion() == "1.0"
    assert event.get_id() == f"evt_{event_id.hex}"
    assert event.get_type() == "order.paid"
    assert event.get_time() == OCCURRED_AT
    assert event.get_source()
    assert event.get_data() == json.loads(DATA)


async def test_javascript_s_sdk_takes_a_delivery_for_a_valid_event(running, db, bench):
    async with bench.verifying({"/hook": {"by": "cloudevents", "secret": ""}}) as verifiers, running():
        await subscribe(db, verifiers.url(), profile="cloudevents")
        event_id = await insert(db, data=DATA, occurred_at=OCCURRED_AT)
        await all_settled(db)
        (heard,) = await eventually(lambda: verifiers.heard)
    assert await attempts(db) == [(1, "delivered", None, 200)]
    seen = heard["seen"]
    assert (seen["specversion"], seen["id"], seen["type"]) == ("1.0", f"evt_{event_id.hex}", "order.paid")
    assert datetime.fromisoformat(seen["time"]) == OCCURRED_AT
    assert seen["data"] == json.loads(DATA)
