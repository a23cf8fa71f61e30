"""What a request says is read strictly: each thing that is wrong is named, with what is allowed; none reaches SQL."""

import pytest
from structlog.testing import capture_logs

from dispatcher.admin.body import LARGEST

THINGS = "/api/v1/things"


@pytest.fixture
def api(common):
    return common


@pytest.fixture
async def client(api):
    return await api.with_token()


# Paths.


@pytest.mark.parametrize(
    "path",
    ["/../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", f"{THINGS}/..%2f..%2fetc%2fpasswd", f"{THINGS}/../../healthz/x",
     "//healthz", "/healthz/", "/healthz%00", "/HEALTHZ", f"{THINGS}/1/", "/api/v1", "/api", "/", "/static/x.js",
     "/.git/config"],
)  # fmt: skip
async def test_a_path_that_is_none_leads_nowhere(api, path):
    reply = await api.raw(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    assert reply.startswith((b"HTTP/1.1 404 ", b"HTTP/1.1 401 ")), reply
    assert b"root:" not in reply


@pytest.mark.parametrize(
    "number",
    ["0", "-1", "1.5", "x", "9223372036854775808", "1' or '1'='1", "1;drop table x", "%00", "%ff", "%D9%A1", "1%0a"],
)
async def test_an_id_that_is_none_names_nothing(client, number):
    got = await client.get(f"{THINGS}/{number}")
    assert (got.status, got.kind) == (404, "not-found")


async def test_the_largest_id_is_one(client):
    assert (await client.get(f"{THINGS}/9223372036854775807")).json["id"] == 2**63 - 1


async def test_what_is_not_there_is_said_in_the_words_of_the_store(client):
    got = await client.get(f"{THINGS}/404")
    assert (got.status, got.json["detail"]) == (404, "there is no endpoint 404")


# Queries.


@pytest.mark.parametrize(
    ("query", "field", "said"),
    [
        ("limit=0", "limit", "greater than or equal to 1"),
        ("limit=201", "limit", "less than or equal to 200"),
        ("limit=99999999999999999999999999", "limit", "integer"),
        ("limit=-1", "limit", "greater"),
        ("limit=ten", "limit", "integer"),
        ("limit=5.0", "limit", "integer"),
        ("limit=+5", "limit", "integer"),
        ("limit=1_0", "limit", "integer"),
        ("limit=%D9%A5", "limit", "integer"),
        ("limit=", "limit", "integer"),
        ("limit=1&limit=2", "limit", "more than once"),
        ("lmit=5", "lmit", "not known"),
        ("zzz=5", "zzz", "not known"),
        ("state=dead", "state", "'live' or 'revoked'"),
        ("state=live' or 1=1 --", "state", "'live' or 'revoked'"),
        ("since=yesterday", "since", "2026-11-21T05:00:00Z"),
        ("since=2026-11-21T05:00:00", "since", "its offset"),
        ("since=5", "since", "its offset"),
        ("since=0001-01-01T00:00:00%2B10:00", "since", "between the years"),
        ("since=2026-13-01T00:00:00Z", "since", "no such day"),
        ("is_new=yes", "is_new", "boolean"),
        ("types=a%00b", "types", "NUL"),
    ],
)
async def test_a_query_that_is_wrong_is_named_with_what_is_allowed(client, query, field, said):
    got = await client.get(f"{THINGS}?{query.replace(' ', '%20')}")
    assert (got.status, got.kind) == (400, "malformed")
    (error,) = got.json["errors"]
    assert error["field"] == field
    assert said in error["message"]
    assert field in got.json["detail"]


async def test_an_unknown_name_is_told_the_nearest(client):
    assert (await client.get(f"{THINGS}?lmit=5")).json["errors"][0]["allowed"] == "did you mean limit?"
    known = (await client.get(f"{THINGS}?zzz=5")).json["errors"][0]["allowed"]
    assert known == "known are limit, state, since, types, is_new"


@pytest.mark.parametrize("query", ["%", "limit=%zz", "limit=%ff", "&".join(f"a{n}=1" for n in range(200))])
async def test_a_query_that_is_not_encoded_is_refused(api, query):
    token = (await api.token()).text
    head = f"GET {THINGS}?{query} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
    assert (await api.raw(f"{head}Connection: close\r\n\r\n".encode())).startswith(b"HTTP/1.1 400 ")


async def test_a_query_is_refused_where_there_is_none(client):
    got = await client.get(f"{THINGS}/1?limit=5")
    assert (got.status, got.json["errors"][0]["field"]) == (400, "limit")


async def test_values_arrive_as_what_they_are(client):
    got = await client.get(
        f"{THINGS}?limit=5&state=live&since=2026-11-21T05:00:00%2B01:00&types=a'b--&types=%22&is_new=true"
    )
    assert got.json["asked"] == {
        "limit": 5, "state": "live", "since": "2026-11-21T04:00:00Z", "types": ["a'b--", '"'],
        "is_new": True, "tenant": None,
    }  # fmt: skip


# Bodies.


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b'{"name": NaN}', b'{"name": 1e400}', b"\xff", b'{"name": "\\ud800"}', b"[" * 100_000, b"name=x",
     b"{'name': 1}", b'{"name": "x"} x', b'\xef\xbb\xbf{"name": "x"}'],
)  # fmt: skip
async def test_a_body_that_is_not_json_is_refused(client, body):
    got = await client.post(THINGS, body)
    assert (got.status, got.kind) == (400, "malformed")
    assert "not JSON" in got.json["detail"]


@pytest.mark.parametrize(
    ("body", "field", "said"),
    [
        (b"null", "", "object"),
        (b"[]", "", "object"),
        (b"{}", "name", "has to be given"),
        (b'{"name": null}', "name", "string"),
        (b'{"name": 5}', "name", "string"),
        (b'{"name": ""}', "name", "at least 1"),
        (b'{"name": "x", "lives_s": "5"}', "lives_s", "number"),
        (b'{"name": "x", "lives_s": 0}', "lives_s", "greater than 0"),
        (b'{"name": "a\\u0000b"}', "name", "NUL"),
        (b'{"name": "x", "nmae": "y"}', "nmae", "not known"),
        (b'{"name": "' + b"x" * 51 + b'"}', "name", "at most 50"),
    ],
)
async def test_a_field_that_is_wrong_is_named_with_what_is_allowed(client, body, field, said):
    got = await client.post(THINGS, body)
    assert (got.status, got.kind) == (422, "refused")
    (error,) = got.json["errors"]
    assert error["field"] == field
    assert said in error["message"]


async def test_all_that_is_wrong_is_said_at_once(client):
    got = await client.post(THINGS, {"lives_s": "x", "zzz": 1})
    assert [error["field"] for error in got.json["errors"]] == ["name", "lives_s", "zzz"]


async def test_what_was_given_is_not_repeated(client):
    got = await client.post(THINGS, {"name": "x", "lives_s": "hunter2"})
    assert "hunter2" not in got.body.decode()


async def test_a_body_is_refused_where_there_is_none(client):
    assert (await client.post(f"{THINGS}/1/pause", b'{"a": 1}')).kind == "malformed"
    assert (await client.post(f"{THINGS}/1/pause", b"{}")).status == 204


async def test_a_body_has_a_size(api):
    token = (await api.token()).text
    for size, status in ((LARGEST, 201), (LARGEST + 1, 413)):
        head = (
            f"POST {THINGS} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n"
            f"Content-Type: application/json\r\nContent-Length: {size}\r\n\r\n"
        )
        reply = await api.raw(head.encode() + b'{"name": "x"}'.ljust(size))
        assert reply.startswith(f"HTTP/1.1 {status} ".encode()), reply


async def test_a_body_without_a_length_has_a_size_too(api):
    token = (await api.token()).text
    head = (
        f"POST {THINGS} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    piece = b"10000\r\n" + b" " * 65536 + b"\r\n"
    assert (await api.raw(head.encode() + piece * (LARGEST // 65536 + 1))).startswith(b"HTTP/1.1 413 ")


async def test_a_length_that_is_too_large_is_refused_before_anything_is_sent(api):
    token = (await api.token()).text
    head = (
        f"POST {THINGS} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {LARGEST + 1}\r\n\r\n"
    )
    assert (await api.raw(head.encode())).startswith(b"HTTP/1.1 413 ")


async def test_who_waits_for_leave_to_send_is_given_it(api):
    token = (await api.token()).text
    head = (
        f"POST {THINGS} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n"
        "Content-Type: application/json\r\nContent-Length: 13\r\nExpect: 100-continue\r\n\r\n"
    )
    reply = await api.raw(head.encode() + b'{"name": "x"}')
    assert reply.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 "), reply


@pytest.mark.parametrize(
    "text",
    [b"\x16\x03\x01\x02\x00\x01\x00", b"SSH-2.0-OpenSSH\r\n\r\n", b"GET\r\n\r\n", b"\x00" * 100,
     b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
     b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
     b"GET /healthz HTTP/1.1\r\n" + b"a: b\r\n" * 1000 + b"\r\n", b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\n\r\n"],
)  # fmt: skip
async def test_what_is_no_request_is_answered_or_cut_and_fills_no_log(api, text):
    with capture_logs() as said:
        reply = await api.raw(text)
    assert reply == b"" or reply.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4")), reply
    assert [line for line in said if line["log_level"] != "debug"] == []
    assert (await api.client().get("/healthz")).status == 200


# Faults of ours.


async def test_a_fault_of_ours_says_an_id_and_the_log_has_the_rest(client):
    with capture_logs() as said:
        got = await client.get(f"{THINGS}/500")
    assert (got.status, got.kind) == (500, "internal")
    assert "hunter2" not in got.body.decode()
    assert "Traceback" not in got.body.decode()
    (line,) = [each for each in said if each["event"] == "request.failed"]
    assert line["id"] == got.json["id"]
    assert isinstance(line["exc_info"], Exception)
    assert (await client.get(THINGS)).status == 200


# Who changed what.


async def test_a_change_leaves_a_line_that_says_who_and_what_but_no_secret(api):
    made = await api.token(name="billing", tenant="acme")
    with capture_logs() as said:
        got = await api.client(made.text).post("/api/v1/secrets", {"name": "x"})
    (line,) = [each for each in said if each["event"] == "operation.performed"]
    assert line == {
        "event": "operation.performed", "log_level": "info", "operation": "create_secret", "by_token_id": made.id,
        "by_token": "billing", "by_tenant": "acme", "peer": "127.0.0.1", "token_id": got.json["id"],
        "changed": ["name", "secret"], "before": {"name": None}, "after": {"name": "x"},
    }  # fmt: skip
    assert got.json["secret"] not in str(said)


async def test_what_changes_nothing_leaves_none(api):
    client = await api.with_token("operate")
    with capture_logs() as said:
        await client.get(THINGS)
        await client.post(THINGS, {"name": "x"})
        await client.post(f"{THINGS}/x/pause")
    assert [each for each in said if each["event"] == "operation.performed"] == []
