"""Node-RED, an open flow tool of the kind that products send their customers to."""

import aiohttp

from tests.support.sql import all_settled, attempts, insert, subscribe


async def test_a_flow_that_is_not_ready_twice_gets_the_delivery_at_the_third_attempt(running, db, bench):
    words = ("node_modules/node-red/red.js", "--userDir", bench.folder, "--port", "0")
    async with bench.run(*words) as node_red, aiohttp.ClientSession() as client, running():
        # It listens first, and starts its flows then.
        await node_red.says("Started flows")
        at = (await node_red.says(r"now running at (http://127\.0\.0\.1:\d+)")).group(1)
        await subscribe(db, f"{at}/hook")
        event_id = await insert(db, "order.paid", '{"order": 42, "customer": {"name": "Zoë"}}')
        await all_settled(db)
        async with client.get(f"{at}/seen") as response:
            seen = await response.json()
    assert await attempts(db) == [
        (1, "retrying", "http_503", 503),
        (2, "retrying", "http_503", 503),
        (3, "delivered", None, 200),
    ]
    assert [each["id"] for each in seen] == [f"evt_{event_id.hex}"] * 3
    assert [each["kind"] for each in seen] == ["object"] * 3, "a flow gets an object, not a text"
    assert seen[2]["payload"]["type"] == "order.paid"
    assert seen[2]["payload"]["data"] == {"order": 42, "customer": {"name": "Zoë"}}
