"""Whom a request is meant for and where it comes from: no page of another site gets through, in no form."""

import pytest

from tests.support.api import serving
from tests.support.trying import RESOURCES

PATH = "/api/v1/things"


@pytest.fixture
def api(common):
    return common


def request(line: str = f"GET {PATH} HTTP/1.1", *headers: str) -> bytes:
    return "\r\n".join([line, *headers, "Connection: close", "", ""]).encode("latin-1")


async def status(api, *parts: str) -> tuple[int, bytes]:
    reply = await api.raw(request(*parts))
    return int(reply.split()[1]), reply


@pytest.mark.parametrize(
    "host",
    ["attacker.example", "localhost.attacker.example", "127.0.0.1.attacker.example", "127.0.0.2", "[::2]", "",
     "localhost:x", "localhost, attacker.example", "0", "2130706433", "user@localhost", "localhost/",
     "localhost:8480:8480", "[::1", "ⓛocalhost".encode().decode("latin-1")],
)  # fmt: skip
async def test_a_host_that_is_not_ours_is_refused(api, host):
    code, reply = await status(api, "GET /healthz HTTP/1.1", f"Host: {host}")
    assert code in {421, 400}, reply
    assert b"problem+json" in reply


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:1", "127.0.0.1", "127.0.0.1:8480", "[::1]", "[::1]:80", "localhost."]
)
async def test_this_machine_is_ours_at_whatever_port_a_tunnel_has(api, host):
    code, reply = await status(api, "GET /healthz HTTP/1.1", f"Host: {host}")
    assert code == 200, reply


async def test_without_a_host_nothing_is_answered(api):
    for line in ("GET /healthz HTTP/1.0", "GET /healthz HTTP/1.1"):
        code, reply = await status(api, line)
        assert code in {421, 400}, reply


async def test_two_hosts_are_none(api):
    code, reply = await status(api, "GET /healthz HTTP/1.1", "Host: localhost", "Host: attacker.example")
    assert code in {421, 400}, reply


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("http://localhost/healthz", 200),
        ("http://attacker.example/healthz", 421),
        ("http://localhost@attacker.example/healthz", 421),
        ("http://attacker.example@localhost/healthz", 421),
        ("http://localhost:81/healthz", 421),
        ("ftp://localhost/healthz", 421),
        ("//attacker.example/healthz", 404),
        ("*", 421),
        ("healthz", 421),
    ],
)
async def test_a_url_that_names_a_host_names_the_one_of_the_header(api, target, expected):
    code, reply = await status(api, f"GET {target} HTTP/1.1", "Host: localhost")
    assert code in {expected, 400}, reply
    assert code == expected or b"problem+json" in reply


async def test_a_name_of_the_configuration_is_ours(database):
    async with serving(database.dsn, RESOURCES, admin__allow_hosts=["hooks.example.com"]) as api:
        assert (await status(api, "GET /healthz HTTP/1.1", "Host: Hooks.Example.com:443"))[0] == 200
        assert (await status(api, "GET /healthz HTTP/1.1", "Host: example.com"))[0] == 421


@pytest.mark.parametrize("site", ["cross-site", "same-site", "Cross-Site"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_what_a_page_of_another_site_sends_is_refused(api, site, method):
    client = await api.with_token()
    got = await client.ask(method, PATH, given={"name": "x"}, sec_fetch_site=site)
    assert (got.status, got.kind) == (403, "cross-site")


@pytest.mark.parametrize("origin", ["https://attacker.example", "null", "http://localhost:1", "http://127.0.0.1:1"])
async def test_another_origin_is_refused(api, origin):
    got = await (await api.with_token()).post(PATH, {"name": "x"}, origin=origin)
    assert (got.status, got.kind) == (403, "cross-site")


async def test_our_own_origin_is_not(api):
    client = await api.with_token()
    for scheme in ("http", "https"):
        got = await client.post(
            PATH, {"name": "x"}, origin=f"{scheme}://127.0.0.1:{api.port}", sec_fetch_site="same-origin"
        )
        assert got.status == 201


@pytest.mark.parametrize(
    "kind",
    ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain", "application/jsonp",
     "application/json; charset=latin-1", "application/json, text/plain", "application/octet-stream"],
)  # fmt: skip
async def test_a_form_is_refused_before_it_is_read(api, kind):
    client = await api.with_token()
    got = await client.post(PATH, b'{"name": "x"}', content_type=kind)
    assert (got.status, got.kind) == (415, "not-json")


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain"])
async def test_a_form_is_refused_also_where_there_is_no_body(api, kind):
    got = await (await api.with_token()).post(f"{PATH}/1/pause", content_type=kind)
    assert (got.status, got.kind) == (415, "not-json")


@pytest.mark.parametrize(
    "kind", ["application/json", "Application/JSON ; Charset=UTF-8", 'application/json;charset="utf-8"']
)
async def test_json_is_json_however_it_is_written(api, kind):
    got = await (await api.with_token()).post(PATH, b'{"name": "x"}', content_type=kind)
    assert got.status == 201


async def test_a_body_without_a_type_is_refused(api):
    token = (await api.token()).text
    code, reply = await status(
        api, f"POST {PATH} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {token}", "Content-Length: 0"
    )
    assert code == 415, reply


async def test_what_is_compressed_is_refused_unopened(api):
    got = await (await api.with_token()).post(PATH, b"\x1f\x8b\x08", content_encoding="gzip")
    assert (got.status, got.kind) == (415, "not-json")


async def test_there_is_no_leave_for_other_sites_to_be_had(api):
    got = await (await api.with_token()).ask(
        "OPTIONS", PATH, origin="https://attacker.example", access_control_request_method="POST"
    )
    assert (got.status, got.kind, got.headers["allow"]) == (405, "method-not-allowed", "GET, HEAD, POST")
    assert not [name for name in got.headers if name.lower().startswith("access-control")]
