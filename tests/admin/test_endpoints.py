"""/api/v1/endpoints: what a settings page does."""

import pytest

from tests.support.api import serving
from tests.support.sql import endpoint, subscribe

URL = "https://example.com/hook"
PATH = "/api/v1/endpoints"
WHOLE = {
    "url": f"{URL}?key=hidden", "types": ["b.c", "a.*"], "tenant": "acme", "name": "ERP", "profile": "standard",
    "secret": "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "api_key": "hidden-key",
    "headers": {"X-A": "hidden-value"}, "timeout_s": 2.5, "max_in_flight": 1000, "max_attempts": 100,
    "rate_limit": 0.5, "ordered": True, "filter": "$.a > 1",
}  # fmt: skip


@pytest.fixture
async def admin(product):
    return await product.with_token("admin")


@pytest.fixture
async def strict(database):
    """An admin's, where nothing but public addresses may be called."""
    async with serving(database.dsn, None, egress__allow_http=True, egress__allow_networks=[]) as api:
        yield await api.with_token("admin")


async def test_an_endpoint_is_created_with_every_setting_and_its_secret_shown_once(admin, db):
    got = await admin.post(PATH, WHOLE)
    assert got.status == 201
    made = got.json
    assert got.headers["location"] == f"{PATH}/{made['id']}"
    assert made["secret"] == WHOLE["secret"]
    shown = {name: made[name] for name in WHOLE if name not in {"secret", "api_key", "headers", "types", "filter"}}
    assert shown == {name: WHOLE[name] for name in shown}
    assert (made["types"], made["filter"], made["header_names"]) == (["a.*", "b.c"], '($."a" > 1)', ["x-a"])
    assert (made["has_secret"], made["has_api_key"], made["state"], made["open"]) == (True, True, "active", 0)
    again = await admin.get(f"{PATH}/{made['id']}")
    assert again.json == {name: value for name, value in made.items() if name != "secret"}
    assert (await endpoint(db, made["id"]))["api_key"] == "hidden-key"


async def test_a_url_alone_is_enough(admin):
    made = (await admin.post(PATH, {"url": URL})).json
    assert made["secret"].startswith("whsec_")
    assert (made["tenant"], made["types"], made["timeout_s"], made["ordered"]) == ("", ["*"], None, False)


async def test_no_secret_is_shown_a_second_time(admin):
    made = (await admin.post(PATH, WHOLE)).json
    await admin.post(f"{PATH}/{made['id']}/rotate-secret", {})
    for path in (PATH, f"{PATH}/{made['id']}"):
        text = (await admin.get(path)).body.decode()
        assert WHOLE["secret"] not in text
        assert "hidden-key" not in text
        assert "hidden-value" not in text


@pytest.mark.parametrize(("scope", "url"), [("read", URL), ("operate", URL), ("admin", f"{URL}?key=hidden")])
async def test_only_an_admin_sees_the_query_of_a_url(product, db, scope, url):
    endpoint_id, _ = await subscribe(db, f"{URL}?key=hidden")
    client = await product.with_token(scope)
    assert (await client.get(f"{PATH}/{endpoint_id}")).json["url"] == url
    (listed,) = (await client.get(PATH)).json["data"]
    assert listed["url"] == url


async def test_a_change_touches_what_is_given_and_nothing_else(admin):
    made = (await admin.post(PATH, WHOLE)).json
    one = f"{PATH}/{made['id']}"
    got = await admin.ask("PATCH", one, given={"timeout_s": None, "types": ["z"]})
    assert got.status == 200
    before = {**made, "timeout_s": None, "types": ["z"], "subscriptions": [{"pattern": "z", "filter": '($."a" > 1)'}]}
    del before["secret"]
    assert got.json == before
    assert (await admin.get(one)).json == before


async def test_a_change_of_nothing_changes_nothing(admin):
    made = (await admin.post(PATH, WHOLE)).json
    got = await admin.ask("PATCH", f"{PATH}/{made['id']}", given={})
    assert got.json == {name: value for name, value in made.items() if name != "secret"}


REFUSED = [
    ({"url": "http://10.0.0.1/"}, "url", "url_is_allowed"),
    ({"url": "https://169.254.169.254/"}, "url", "url_is_allowed"),
    ({"url": "https://metadata.google.internal/"}, "url", "url_is_allowed"),
    ({"url": "https://db/"}, "url", "url_is_allowed"),
    ({"url": "https://example.com:22/"}, "url", "url_is_allowed"),
    ({"url": "https://localhost./"}, "url", None),
    ({"url": "https://2130706433/"}, "url", "url_is_http_or_https"),
    ({"url": "https://0x7f.1/"}, "url", "url_is_http_or_https"),
    ({"url": "https://①②⑦.0.0.1/"}, "url", "url_is_http_or_https"),
    ({"url": "https://a b/"}, "url", "url_is_http_or_https"),
    ({"url": "https://user:pw@example.com/"}, "url", "url_is_http_or_https"),
    ({"url": "ftp://example.com/"}, "url", "url_is_http_or_https"),
    ({"url": ""}, "url", "url_is_http_or_https"),
    ({"url": "x" * 100_000}, "url", "url_is_http_or_https"),
    ({"url": None}, "url", None),
    ({"url": 3}, "url", None),
    ({}, "url", None),
    ({"url": "https://a\0.example.com/"}, "url", None),
    ({"url": URL, "timeout_s": 31}, "timeout_s", "timeout_s_is_2_to_30"),
    ({"url": URL, "timeout_s": "5"}, "timeout_s", None),
    ({"url": URL, "max_in_flight": 10**30}, "max_in_flight", None),
    ({"url": URL, "max_in_flight": 1.5}, "max_in_flight", None),
    ({"url": URL, "headers": {"Content-Length": "0"}}, "headers", "headers_are_allowed"),
    ({"url": URL, "headers": {"a": 3}}, "headers.a", None),
    ({"url": URL, "types": []}, "types", "types_are_given"),
    ({"url": URL, "types": ["a b"]}, "types", "pattern_is_a_type_or_ends_in_star"),
    ({"url": URL, "filter": "$.a"}, "filter", "filter_is_a_predicate"),
    ({"url": URL, "filter": "$.a >"}, "filter", "filter_is_a_predicate"),
    ({"url": URL, "secret": "short"}, "secret", "secret_is_given"),
    ({"url": URL, "profile": "nobody"}, "profile", "profile_is_known"),
    ({"url": URL, "tenant": "x" * 300}, "tenant", "tenant_is_at_most_256_bytes"),
    ({"url": URL, "name": ""}, "name", "name_is_1_to_200_characters"),
    ({"url": URL, "timeuot_s": 3}, "timeuot_s", "unknown"),
    ({"url": URL, "state": "active"}, "state", "unknown"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "field", "rule"), REFUSED)
async def test_what_is_refused_names_the_field_and_leaves_nothing(strict, db, given, field, rule):
    got = await strict.post(PATH, given)
    assert (got.status, got.kind) == (422, "refused"), got.body
    blamed = got.json["errors"][0]
    assert blamed["field"] == field
    assert rule in {None, blamed["rule"]}
    assert got.json["detail"]
    assert await db.fetchval("select count(*) from webhooks.endpoints") == 0


async def test_a_change_to_a_url_that_is_forbidden_changes_nothing(admin, db):
    made = (await admin.post(PATH, WHOLE)).json
    got = await admin.ask("PATCH", f"{PATH}/{made['id']}", given={"url": "https://10.0.0.1/", "name": "other"})
    assert (got.status, got.json["errors"][0]["rule"]) == (422, "url_is_allowed")
    row = await endpoint(db, made["id"])
    assert (row["url"], row["name"]) == (WHOLE["url"], "ERP")


async def test_a_deleted_endpoint_is_gone(admin):
    made = (await admin.post(PATH, WHOLE)).json
    one = f"{PATH}/{made['id']}"
    got = await admin.ask("DELETE", one)
    assert (got.status, got.body) == (204, b"")
    for method in ("GET", "DELETE", "PATCH"):
        assert (await admin.ask(method, one, given={} if method == "PATCH" else None)).status == 404
    for act in ("test", "activate", "pause", "resume", "rotate-secret"):
        assert (await admin.post(f"{one}/{act}", {})).status == 404


async def test_a_list_goes_on_where_it_ended(admin, db):
    ids = [(await subscribe(db, URL))[0] for _ in range(7)]
    found, cursor = [], ""
    while cursor is not None:
        page = (await admin.get(f"{PATH}?limit=3{cursor and f'&cursor={cursor}'}")).json
        assert len(page["data"]) <= 3
        found += [each["id"] for each in page["data"]]
        cursor = page["next"]
    assert found == ids


async def test_a_list_is_of_those_that_are_asked_for(admin, db):
    one, _ = await subscribe(db, URL, "{a.*}", tenant="x")
    two, _ = await subscribe(db, URL, "{b}", tenant="x")
    three, _ = await subscribe(db, URL, tenant="y")
    await db.execute("select webhooks.pause($1)", two)

    async def ids(query: str) -> list[int]:
        return [each["id"] for each in (await admin.get(f"{PATH}?{query}")).json["data"]]

    assert await ids("tenant=x") == [one, two]
    assert await ids("state=paused") == [two]
    assert await ids("state=paused&state=active") == [one, two, three]
    assert await ids("type=a.b") == [one, three]
    assert await ids("tenant=nobody") == []


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=201", "limit=x", "limit=1e9", "cursor=!", "cursor=WyJ4Il0", "state=gone", "nonsense=1"]
)
async def test_a_query_that_is_wrong_is_named(admin, query):
    got = await admin.get(f"{PATH}?{query}")
    assert (got.status, got.kind) == (400, "malformed")
    assert got.json["errors"][0]["field"].startswith(query.partition("=")[0])


async def test_states_move_as_in_sql(admin, db):
    made = (await admin.post(PATH, WHOLE)).json
    one = f"{PATH}/{made['id']}"
    assert (await admin.post(f"{one}/pause")).json["state"] == "paused"
    assert (await admin.post(f"{one}/pause")).json["state"] == "paused"
    got = await admin.post(f"{one}/activate")
    assert (got.status, got.kind) == (409, "conflict")
    assert "webhooks.resume" in got.json["detail"]
    assert (await admin.post(f"{one}/resume")).json["state"] == "active"
    await db.execute("update webhooks.endpoints set state = 'disabled', state_reason = 'gone'")
    assert (await admin.post(f"{one}/activate")).json["state"] == "active"


async def test_a_test_is_a_delivery_to_look_at(admin, db):
    made = (await admin.post(PATH, WHOLE)).json
    got = await admin.post(f"{PATH}/{made['id']}/test", {})
    assert got.status == 202
    delivery_id = got.json["delivery_id"]
    assert got.headers["location"] == f"/api/v1/deliveries/{delivery_id}"
    shown = (await admin.get(got.headers["location"])).json
    assert (shown["type"], shown["state"], shown["tenant"]) == ("webhook.ping", "pending", "acme")
    assert await db.fetchval("select test from webhooks.deliveries where id = $1", delivery_id)


async def test_what_acts_by_its_defaults_needs_no_body(admin, db):
    one = f"{PATH}/{(await admin.post(PATH, WHOLE)).json['id']}"
    assert (await admin.post(f"{one}/test")).status == 202
    rotated = await admin.post(f"{one}/rotate-secret")
    assert rotated.status == 200, rotated.body
    assert rotated.json["secret"] == (await endpoint(db, 1))["secret"]
    for path in (PATH, f"{one}/test"):
        got = await admin.ask("POST", path, given=b"{}", content_type="text/plain")
        assert (got.status, got.kind) == (415, "not-json")
    assert (await admin.ask("POST", f"{one}/test", given=b"{}", content_type="application/octet-stream")).status == 415
    assert (await admin.post(PATH)).status == 415
    assert (await admin.ask("PATCH", one)).status == 415


async def test_the_document_says_which_bodies_may_be_left_out(admin):
    paths = (await admin.get("/api/v1/openapi.json")).json["paths"]
    bodies = {
        each["operationId"]: each["requestBody"]["required"]
        for of in paths.values()
        for each in of.values()
        if "requestBody" in each
    }
    assert {name for name, required in bodies.items() if not required} == {"test_endpoint", "rotate_secret"}


async def test_a_test_of_a_type_without_example_is_refused_in_the_words_of_sql(admin):
    made = (await admin.post(PATH, WHOLE)).json
    got = await admin.post(f"{PATH}/{made['id']}/test", {"type": "order.paid"})
    assert got.status == 422
    assert got.json["errors"][0]["field"] == "type"
    assert "no example of 'order.paid'" in got.json["detail"]


async def test_a_rotated_secret_is_shown_once_and_the_former_one_stays_for_a_while(admin, db):
    made = (await admin.post(PATH, WHOLE)).json
    got = await admin.post(f"{PATH}/{made['id']}/rotate-secret", {"overlap_s": 3600})
    row = await endpoint(db, made["id"])
    assert got.json["secret"] == row["secret"] != WHOLE["secret"] == row["previous_secret"]
    assert got.json["previous_secret_until"]
    for overlap_s in (10**7, -1, 1e308, -1e308):
        refused = await admin.post(f"{PATH}/{made['id']}/rotate-secret", {"overlap_s": overlap_s})
        assert (refused.status, refused.json["errors"][0]["field"]) == (422, "overlap_s")


# --- Idempotency-Key


async def test_a_test_that_is_said_again_is_sent_once(admin, db):
    made = (await admin.post(PATH, {"url": URL})).json
    replies = [await admin.post(f"{PATH}/{made['id']}/test", {}, idempotency_key="t") for _ in range(2)]
    assert replies[0].json == replies[1].json
    assert await db.fetchval("select count(*) from webhooks.deliveries") == 1


@pytest.mark.parametrize(("tenant", "says"), [(None, True), ("acme", False)])
async def test_which_setting_would_allow_a_url_is_for_operators(database, tenant, says):
    async with serving(database.dsn, None, egress__allow_networks=[]) as api:
        got = await (await api.with_token("admin", tenant=tenant)).post(PATH, {"url": "https://10.0.0.1/"})
    assert got.status == 422
    assert "10.0.0.1 is " in got.json["detail"]
    assert ("egress.allow_networks" in got.json["detail"]) is says
