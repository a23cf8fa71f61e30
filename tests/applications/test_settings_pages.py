"""A customer's settings page over the HTTP API: the README's views, a browser before them, a dispatcher behind them."""

import asyncio
import html
import json
import re
from dataclasses import dataclass

import aiohttp
import pytest

from tests.support import shop
from tests.support.eventually import eventually
from tests.support.receiver import Answer, Receiver
from tests.support.sql import all_settled, insert

CATALOGUE = "insert into webhooks.event_types values ('manysends', 'message.created', 'A message', '{\"id\": 1}')"
BROKEN = Answer(404, b"no such hook here")


@dataclass(frozen=True)
class Browser:
    """Somebody who is logged in."""

    http: aiohttp.ClientSession
    app: shop.Serving
    customer: str

    async def get(self, path: str) -> tuple[int, str]:
        return await self._ask("GET", path)

    async def post(self, path: str, **form: str) -> tuple[int, str]:
        await self.get("/webhooks/")
        (token,) = {each.value for each in self.http.cookie_jar if each.key == "csrftoken"}
        return await self._ask("POST", path, data=form, headers={"x-csrftoken": token})

    async def json(self, method: str, path: str, given: object = None) -> tuple[int, object]:
        status, text = await self._ask(method, path, json=given, headers={"x-customer": self.customer})
        return status, json.loads(text)

    async def _ask(self, method: str, path: str, **given: object) -> tuple[int, str]:
        cookies = {"customer": self.customer}
        async with self.http.request(method, self.app.url(path), cookies=cookies, **given) as response:
            return response.status, html.unescape(await response.text())


def seen(kind: str, page: str) -> list[str]:
    """What stands in the page's paragraphs of that class."""
    return [text.strip() for text in re.findall(rf'<p class="{kind}">\s*(.*?)\s*</p>', page, re.DOTALL)]


@pytest.fixture
async def tokens(ours):
    names = ("acme", "other")
    return dict(zip(names, await asyncio.gather(*(shop.token(ours, name) for name in names)), strict=True))


async def test_a_customer_of_a_django_shop_gets_a_webhook_to_work(
    in_django, ours, producer, db, http, tokens, authority
):
    await db.execute(CATALOGUE)
    trusted = {"egress__ca_file": authority.ca_file, "egress__allow_hosts": '["localhost"]'}
    async with (
        Receiver("localhost", authority.issue("localhost")) as receiver,
        shop.dispatcher(ours.dsn, dispatch__profile="manysends", **trusted) as beside,
        in_django(DISPATCHER_URL=beside.api) as app,
    ):
        receiver.always(BROKEN, path="/broken")
        await producer.executemany("insert into customers values ($1, $2)", list(tokens.items()))
        me, other = Browser(http, app, "acme"), Browser(http, app, "other")
        hook = {"name": "ERP", "url": receiver.url("/broken"), "types": "*"}

        # What is refused is said where it was typed.
        _, page = await me.post("/webhooks/", **hook | {"url": receiver.url().replace("https", "http")})
        assert [text.partition(":")[0] for text in seen("error", page)] == ["url"]
        _, page = await me.post("/webhooks/", **hook | {"types": "order.paid"})
        assert [text.partition(":")[0] for text in seen("error", page)] == ["types"]
        assert seen("webhook", page) == []

        # Made, tested, understood, mended, tested again.
        _, page = await me.post("/webhooks/", **hook)
        (webhook,) = seen("webhook", page)
        number = webhook.partition(" ")[0]
        assert webhook == f"{number} ERP {receiver.url('/broken')} * inactive, last: None None"
        assert await tried(me, number) == ("dead 404 http_404", ["dead 404 http_404 no such hook here"])
        _, page = await me.post(f"/webhooks/{number}/", **hook | {"url": receiver.url()})
        assert seen("webhook", page) == [f"{number} ERP {receiver.url()} * inactive, last: 404 dead"]
        assert await tried(me, number) == ("delivered 200 None", ["delivered 200 None"])

        # Activated, it is sent what happens.
        _, page = await me.post(f"/webhooks/{number}/activate/")
        assert seen("webhook", page) == [f"{number} ERP {receiver.url()} * active, last: 200 delivered"]
        await insert(db, "message.created", tenant="acme")
        await insert(db, "message.created", tenant="other")
        await all_settled(db)
        assert [json.loads(each.body)["event"] for each in receiver.at()] == ["webhook.ping", "message.created"]
        await me.post(f"/webhooks/{number}/pause/")
        _, page = await me.post(f"/webhooks/{number}/activate/")
        assert len(seen("message", page)) == 1

        # Another customer sees and touches nothing of it.
        delivery_id = await db.fetchval("select max(delivery_id) from webhooks.attempts")
        assert seen("webhook", (await other.get("/webhooks/"))[1]) == []
        assert (await other.get(f"/webhooks/sent/{delivery_id}/"))[0] == 404
        for path in ("", "test/", "delete/"):
            assert (await other.post(f"/webhooks/{number}/{path}", **hook))[0] == 404
        assert seen("webhook", page)[0].endswith("paused, last: 200 delivered")

        _, page = await me.post(f"/webhooks/{number}/delete/")
        assert seen("webhook", page) == []


async def tried(me: Browser, number: str) -> tuple[str, list[str]]:
    """What the page of a test says in the end, of the delivery and its attempts."""
    _, page = await me.post(f"/webhooks/{number}/test/")
    path = f"/webhooks/sent/{seen('id', page)[0]}/"

    async def settled() -> str | None:
        _, page = await me.get(path)
        return None if seen("sent", page)[0].startswith("pending") else page

    page = await eventually(settled)
    return seen("sent", page)[0], seen("attempt", page)


async def test_a_customer_of_a_shop_in_node_gets_a_webhook_to_work(in_node, ours, http, tokens, receiver):
    receiver.always(BROKEN, path="/broken")
    async with (
        shop.dispatcher(ours.dsn) as beside,
        in_node(DISPATCHER_URL=beside.api, CUSTOMERS=json.dumps(tokens)) as app,
    ):
        me, other = Browser(http, app, "acme"), Browser(http, app, "other")
        hook = {"name": "ERP", "url": receiver.url("/broken"), "types": ["order.*"], "max_in_flight": 1000}

        status, said = await me.json("POST", "/webhooks", hook | {"url": "https://10.0.0.1/"})
        assert (status, [error["field"] for error in said["errors"]]) == (422, ["url"])
        status, made = await me.json("POST", "/webhooks", hook)
        assert (status, made["state"], made["max_in_flight"]) == (200, "active", None)
        assert made["secret"].startswith("whsec_")
        one = f"/webhooks/{made['id']}"

        async def tried() -> dict:
            _, said = await me.json("POST", f"{one}/test")
            path = f"/webhooks/sent/{said['delivery_id']}"
            return await eventually(lambda: settled(path))

        async def settled(path: str) -> dict | None:
            _, sent = await me.json("GET", path)
            return sent if sent["state"] != "pending" else None

        failed = await tried()
        assert (failed["state"], failed["last_reason"], failed["history"][0]["reply"]) == (
            "dead", "http_404", "no such hook here",
        )  # fmt: skip
        status, changed = await me.json("PATCH", one, {"url": receiver.url()})
        assert (status, changed["url"], changed["types"]) == (200, receiver.url(), ["order.*"])
        assert (await tried())["state"] == "delivered"
        assert all(each.verified(made["secret"]) for each in receiver.requests)
        assert (await me.json("POST", f"{one}/pause"))[1]["state"] == "paused"
        status, said = await me.json("POST", f"{one}/activate")
        assert (status, said["errors"]) == (409, [])
        (listed,) = (await me.json("GET", "/webhooks"))[1]["data"]
        assert (listed["state"], listed["last_status"], listed["last_outcome"]) == ("paused", 200, "delivered")

        assert (await other.json("GET", "/webhooks"))[1]["data"] == []
        for method, path in (("PATCH", one), ("POST", f"{one}/test"), ("DELETE", one)):
            assert (await other.json(method, path, {}))[0] == 404
        assert (await me.json("DELETE", one))[0] == 200
        assert (await me.json("GET", "/webhooks"))[1]["data"] == []


async def test_a_shop_whose_dispatcher_is_away_says_so(in_node, http):
    async with in_node(DISPATCHER_URL="http://127.0.0.1:9", CUSTOMERS='{"acme": "whd_1_x"}') as app:
        status, said = await Browser(http, app, "acme").json("GET", "/webhooks")
    assert (status, said["errors"]) == (502, [])
