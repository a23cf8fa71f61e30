"""Which URLs may be written: the table in urls.json, which SQL is held to as well, and what holds for any text."""

import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from yarl import URL

from dispatcher.policy import urls
from dispatcher.policy.egress import Egress
from dispatcher.policy.urls import Parts, Target, parse, structure

CASES = json.loads(Path(__file__).with_name("urls.json").read_text("ascii"))
STRICT = Egress()
OPEN = Egress.of(allow_http=True, allow_networks=["0.0.0.0/0", "::/0"], ports=range(1, 65536))


def text_of(case: dict) -> str:
    return case["input"].ljust(case.get("pad", 0), "a")


def test_every_url_of_the_table_is_judged_as_it_says_and_in_its_words():
    wrong = []
    for case in CASES:
        took_apart, parsed = structure(text_of(case)), parse(text_of(case), STRICT)
        got = {
            "structure": "ok" if isinstance(took_apart, Parts) else "refused",
            "allowed": isinstance(parsed, Target),
            "why": parsed if isinstance(parsed, str) else None,
        }
        if got.items() - case.items():
            wrong.append((text_of(case)[:100], got))
    assert wrong == []


def test_every_accepted_url_of_the_table_has_the_normal_form_it_says():
    normal = {case["input"]: case["normal"] for case in CASES if "normal" in case}
    assert {url: parse(url, STRICT).url for url in normal} == normal
    assert {url: parse(url, STRICT).url for url in normal.values()} == {url: url for url in normal.values()}


def test_a_url_that_any_configuration_refuses_stays_refused_under_the_most_open_one():
    refused = [text_of(case) for case in CASES if case["structure"] == "refused"]
    assert len(refused) > 100
    assert [url for url in refused if isinstance(parse(url, OPEN), Target)] == []


# Text near enough to a URL to get past the first rules, as well as any text at all.
PIECES = st.sampled_from(
    [
        "http", "https", "HTTPS", ":", "//", "/", "\\", "@", "#", "?", "%", "%2e", "%00", "[", "]", "[::1]", "::ffff:",
        ".", "..", "-", "_", "xn--", "xn--a", "xn--bcher-kva", "example", ".com", "127.0.0.1", "127.1", "0x7f", "1",
        "443", ":443", ":0", ":80", "user:pw@", "é", "①", "\0", "\t", "\r\n", " ", "&", "=", "a", "2606:4700::1111",
        "\u212a",
    ]
)  # fmt: skip
URLISH = st.one_of(
    st.text(),
    st.lists(PIECES).map("".join),
    st.lists(PIECES).map(lambda pieces: "https://" + "".join(pieces)),
    st.lists(PIECES).map(lambda pieces: "https://example.com/" + "".join(pieces)),
    st.from_regex(urls.NAME, fullmatch=True).map(lambda host: f"http://{host}/"),
)


@given(URLISH)
@example("https://xn--a.com/")
@example("https://xn--/")
@example("http://\ud800/")
@example("//127.0.0.1/")
def test_no_text_whatever_makes_parse_raise_and_what_it_accepts_yarl_sees_identically(text):
    for egress in (STRICT, OPEN):
        target = parse(text, egress)
        if isinstance(target, str):
            assert target
            continue
        seen = URL(target.url, encoded=True)
        assert str(seen) == target.url
        assert (seen.scheme, seen.raw_host, seen.port) == (target.scheme, target.host, target.port)
        assert target.url.endswith(seen.raw_path_qs)
        assert (seen.user, seen.password, seen.raw_fragment) == (None, None, "")
        assert parse(target.url, egress) == target


@given(st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S"]), min_size=1))
def test_a_refusal_never_repeats_credentials_or_the_query(noise):
    for url in (
        f"https://zzuserzz:zzpassword{noise}@example.com/",
        f"https://example.com:zzpassword{noise}",
        f"https://10.0.0.1/?token=zzpassword{noise}",
        f"https://localhost/?token=zzpassword{noise}#{noise}",
        f"ftp://zzuserzz:zzpassword@example.com/{noise}",
    ):
        refusal = parse(url, STRICT)
        assert isinstance(refusal, str)
        assert "zz" not in refusal


def test_http_takes_the_operators_permission():
    assert parse("http://example.com/", STRICT) == "its scheme is http; use https (egress.allow_http would allow http)"
    assert parse("http://example.com:80/a", Egress(allow_http=True)) == Target(
        "http://example.com/a", "http", "example.com", 80
    )


@pytest.mark.parametrize(
    "egress",
    [
        Egress.of(allow_http=True, allow_hosts=["localhost"]),
        Egress.of(allow_http=True, allow_networks=["127.0.0.0/8", "::1/128"]),
    ],
    ids=["by name", "by network"],
)
def test_localhost_works_for_development_once_it_is_allowed(egress):
    url = "http://localhost:3000/hook"
    assert parse(url, egress) == Target(url, "http", "localhost", 3000)
    assert isinstance(parse(url, Egress(allow_http=True)), str)


def test_a_literal_address_is_judged_at_once_by_the_egress_rules():
    egress = Egress.of(allow_networks=["127.0.0.0/8", "::1/128"], deny_networks=["8.8.8.0/24"])
    assert parse("https://127.0.0.1:8443/", egress) == Target("https://127.0.0.1:8443/", "https", "127.0.0.1", 8443)
    assert parse("https://[::1]/", egress) == Target("https://[::1]/", "https", "::1", 443)
    assert parse("https://8.8.8.8/", egress) == "8.8.8.8 is in egress.deny_networks (8.8.8.0/24)"
    assert parse("https://[64:ff9b::808:808]/", egress) == "64:ff9b::808:808 is in egress.deny_networks (8.8.8.0/24)"


def test_a_denied_host_is_refused_however_it_is_spelled():
    assert parse("https://OWN.example.com/", Egress.of(deny_hosts=["own.example.com"])) == (
        "own.example.com is in egress.deny_hosts"
    )


def test_the_default_port_is_held_to_the_listed_ports_too():
    egress = Egress.of(ports=[8443])
    assert parse("https://example.com/", egress) == "port 443 is not among egress.ports (8443)"
    assert isinstance(parse("https://example.com:8443/", egress), Target)


def test_a_host_that_the_connecting_library_reads_otherwise_is_refused(monkeypatch):
    monkeypatch.setattr(urls, "URL", lambda text, encoded: URL(text.replace("example", "elsewhere"), encoded=encoded))
    assert isinstance(parse("https://example.com/", STRICT), str)
