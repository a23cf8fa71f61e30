"""The proxy's setting, its rules, and what its answers say about whom."""

import json
from base64 import b64decode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.config import load
from dispatcher.errors import ConfigError
from dispatcher.model import Reason
from dispatcher.policy.egress import Egress
from dispatcher.policy.proxy import Proxy, own_word, refuse_tunnel
from dispatcher.policy.reach import reach

PASSWORD = "hunter2"

READ = {
    "http://proxy:3128": ("proxy", 3128, None),
    "HTTP://Proxy.Example.com:80/": ("proxy.example.com", 80, None),
    "http://10.0.0.5:3128": ("10.0.0.5", 3128, None),
    "http://[FD00::5]:3128": ("fd00::5", 3128, None),
    "http://a_b.internal:1": ("a_b.internal", 1, None),
    "http://user:password@proxy:3128": ("proxy", 3128, "user:password"),
    "http://user@proxy:3128": ("proxy", 3128, "user:"),
    "http://u%20s:p%40%3A%2F%C3%A4@proxy:3128": ("proxy", 3128, "u s:p@:/\u00e4"),
}


@pytest.mark.parametrize(("url", "read"), READ.items(), ids=READ)
def test_a_proxy_is_read_from_its_url(url, read):
    proxy = Proxy.of(url)
    shown = proxy.authorization and b64decode(proxy.authorization.removeprefix("Basic ")).decode()
    assert (proxy.host, proxy.port, shown) == read
    assert Proxy.of(proxy.url) == Proxy(proxy.host, proxy.port)


REFUSED = {
    "https://u:hunter2@proxy:3128": "it speaks TLS itself, which is not supported",
    "socks5://u:hunter2@proxy:1080": "is not the URL of an HTTP proxy",
    "proxy:3128": "is not the URL of an HTTP proxy",
    "u:hunter2@proxy:3128": "is not the URL of an HTTP proxy",
    "http://u:hunter2@proxy": "the port is needed",
    "http://u:hunter2@proxy:": "the port is needed",
    "http://u:hunter2@proxy:port": "the port is needed",
    "http://u:hunter2@proxy:3128/path": "is not of the form",
    "http://u:hunter2@proxy:3128?x": "is not of the form",
    "http://u:hunter2#@proxy:3128": "percent-encoded: %40 for @",
    "http://u:hunter2@@proxy:3128": "percent-encoded: %40 for @",
    "http://u:hunt/er2@proxy:3128": "percent-encoded: %40 for @",
    "http://u:hunter2\r\n@proxy:3128": "is not of the form",
    "http://u:hunter2@proxy:0": "port is not a number from 1 to 65535",
    "http://u:hunter2@proxy:65536": "port is not a number from 1 to 65535",
    "http://u:hunter2@127.1:3128": "host is not a name",
    "http://u:hunter2@[fe80::1%25eth0]:3128": "is not of the form",
    "http://u:hunter2@[1.2.3]:3128": "host is not a name",
    "http://u:hunter2@-proxy:3128": "host is not a name",
    "http://u:hunter2@a..b:3128": "host is not a name",
    "http://u%3A:hunter2@proxy:3128": "user is empty or has a colon",
    "http://:hunter2@proxy:3128": "user is empty or has a colon",
    "http://u:hunter2%0D%0A@proxy:3128": "a control character",
    "http://u:hunter2%FF@proxy:3128": "not percent-encoded UTF-8",
}


@pytest.mark.parametrize("way", ["file", "variable", "credential"])
@pytest.mark.parametrize(("url", "allowed"), REFUSED.items(), ids=range(len(REFUSED)))
def test_what_is_no_proxy_is_refused_without_being_repeated(configure, way, url, allowed):
    with pytest.raises(ConfigError) as caught:
        configure(
            f"[egress]\nproxy = {json.dumps(url)}" if way == "file" else "",
            {"DISPATCHER_EGRESS__PROXY": url} if way == "variable" else {},
            {"egress.proxy": url} if way == "credential" else {},
        )
    said = str(caught.value)
    assert said.startswith("egress.proxy (")
    assert allowed in said
    assert PASSWORD not in f"{said}{caught.value!r}"
    assert "\n" not in said
    assert caught.value.__context__ is None, "a traceback prints what is chained to it"


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_no_text_whatever_is_repeated_or_makes_another_error(noise):
    with pytest.raises(ConfigError) as caught:
        load(Path("/dev/null"), {"DISPATCHER_EGRESS__PROXY": f"http://u:zz{noise}secret@proxy:3128/path"})
    assert "secret" not in f"{caught.value!s}{caught.value!r}"


def test_neither_settings_nor_the_proxy_show_the_password(configure):
    settings = configure(environ={"DISPATCHER_EGRESS__PROXY": "http://u:hunter2@proxy:3128"})
    proxy = Proxy.of(settings.egress.proxy)
    shown = f"{settings!r}{settings!s}{settings.egress!r}{settings.egress!s}{proxy!r}{proxy!s}{proxy.url}"
    assert PASSWORD not in shown
    assert str(proxy.authorization) not in shown


# The rules behind it.


def test_behind_a_proxy_local_names_are_refused_unless_vouched_for_whatever_networks_are_allowed():
    given = {"allow_networks": ["10.0.0.0/8"], "allow_hosts": ["*.corp"]}
    seen, blind = Egress.of(**given), Egress.of(**given, proxied=True)
    for name in ("localhost", "db", "vault.internal"):
        assert seen.refuse_host(name) is None, "its address decides"
        assert "the proxy would look it up; egress.allow_hosts would allow it" in str(blind.refuse_host(name))
    assert blind.refuse_host("hooks.corp") is None
    assert blind.refuse_host("hooks.example.com") is None
    assert blind.refuse_host("10.1.2.3") is None


def test_the_reach_of_requests_names_the_proxy():
    assert "by way of the proxy, which looks names up" in reach(Egress.of(proxied=True))


# What it says.


@pytest.mark.parametrize("status", [200, 201, 299])
def test_any_2xx_is_a_tunnel(status):
    assert refuse_tunnel(status, {"x-smokescreen-error": "?"}) is None


@pytest.mark.parametrize(
    ("reason", "statuses"),
    [
        (Reason.PROXY, [101, 301, 400, 401, 405, 407, 408, 429, 501, 505, 511, 600, 999]),
        (Reason.BLOCKED_ADDRESS, [403, 404, 410, 451]),
        (Reason.CONNECT, [500, 502, 503, 504, 599]),
    ],
)
def test_every_other_answer_to_connect_is_somebodys(reason, statuses):
    said = [refuse_tunnel(status, {}) for status in statuses]
    assert [each and each.reason for each in said] == [reason] * len(statuses)
    assert all(str(status) in each.note for status, each in zip(statuses, said, strict=True))


@pytest.mark.parametrize("status", [400, 407])
def test_smokescreens_denial_of_a_target_is_the_endpoints(status):
    for judged in (refuse_tunnel, own_word):
        assert judged(status, {"x-smokescreen-error": "denied"}).reason is Reason.BLOCKED_ADDRESS


def test_over_http_a_reply_without_a_proxys_mark_is_a_receivers_but_for_a_407():
    said = {status: own_word(status, {"server": "nginx", "via": "1.1 x"}) for status in range(100, 600)}
    assert {status for status, word in said.items() if word} == {407}
    assert said[407].reason is Reason.PROXY
