"""The checks in SQL say what `policy` says, word for word: both are held to the tables in tests/unit."""

import json
import re
from pathlib import Path

import asyncpg
import pytest

from dispatcher.policy.headers import FORBIDDEN_NAMES, FORBIDDEN_PREFIXES
from dispatcher.policy.urls import Parts, structure

TABLES = Path(__file__).parents[1] / "unit"
UNHOLDABLE = "Postgres holds no such text"


def cases(name: str) -> list[dict]:
    return json.loads((TABLES / name).read_text("ascii"))


def padded(given: str, case: dict) -> str:
    return given.ljust(case.get("pad", 0), "a")


def expected(given: str, why: str | None) -> str | None:
    return UNHOLDABLE if re.search("[\0\ud800-\udfff]", given) else why


async def why(db, call: str, given: str | None) -> str | None:
    try:
        return await db.fetchval(f"select webhooks.{call}", given)
    except asyncpg.DataError:
        return UNHOLDABLE


async def test_sql_judges_a_url_as_python_does(db):
    wrong = []
    for case in cases("urls.json"):
        given = padded(case["input"], case)
        want = expected(given, None if case["structure"] == "ok" else case["why"])
        if (said := await why(db, "refuse_url($1)", given)) != want:
            wrong.append((given[:100], said, want))
    assert wrong == []


async def test_sql_tells_two_urls_apart_exactly_where_they_are_sent_differently(db):
    spelled = [case["input"] for case in cases("urls.json") if case["structure"] == "ok" and "pad" not in case]
    spelled += [f"{url}?" for url in spelled if "?" not in url] + [url.replace("example", "EXAMPLE") for url in spelled]
    spelled += [url.replace(".com", f".com:{port}") for url in spelled for port in (80, 443)]
    given = {url: parts.url for url in spelled if isinstance(parts := structure(url), Parts)}
    rows = await db.fetch("select u, webhooks.url_digest(u) as digest from unnest($1::text[]) u", list(given))
    seen = {(given[row["u"]], row["digest"]) for row in rows}
    assert len(given) > 100
    assert len(seen) == len({normal for normal, _ in seen}) == len({digest for _, digest in seen})


async def test_sql_judges_headers_as_python_does(db):
    wrong = []
    for case in cases("headers.json"):
        given = {name: padded(value, case) if "pad" in case else value for name, value in case["input"].items()}
        if (said := await why(db, "refuse_headers($1::text::json)", json.dumps(given))) != case["why"]:
            wrong.append((str(given)[:100], said, case["why"]))
    assert wrong == []


async def test_sql_judges_an_api_key_as_python_does(db):
    wrong = []
    for case in cases("api_keys.json"):
        given = padded(case["input"], case)
        if (said := await why(db, "refuse_api_key($1)", given)) != expected(given, case["why"]):
            wrong.append((given[:100], said, case["why"]))
    assert wrong == []


async def test_sql_judges_a_secret_as_python_does_but_for_the_halves_of_a_pair(db):
    wrong = []
    for case in cases("secrets.json"):
        given = padded(case["input"], case)
        want = expected(given, None if case.get("only") == "python" else case["why"])
        call = f"refuse_secret($1, '{case['scheme']}', '{case['encoding']}')"
        if (said := await why(db, call, given)) != want:
            wrong.append((call, given[:100], said, want))
    assert wrong == []


@pytest.mark.parametrize("given", ["[]", '"Authorization"', "1", "null", '[{"X": "1"}]'])
async def test_headers_that_are_no_object_are_refused(db, given):
    said = await why(db, "refuse_headers($1::text::json)", given)
    assert said == "they are not a JSON object of names to strings"


@pytest.mark.parametrize("again", ["X-A", "x-a", "X\\u002dA"])
async def test_a_header_written_twice_is_refused_although_json_would_hold_it(db, again):
    said = await why(db, "refuse_headers($1::text::json)", f'{{"X-A": "1", "{again}": "1"}}')
    assert said is not None
    assert "is there twice" in said


@pytest.mark.parametrize("call", ["refuse_url($1)", "refuse_headers($1::text::json)", "refuse_api_key($1)"])
async def test_nothing_given_is_nothing_refused(db, call):
    assert await why(db, call, None) is None


async def test_sql_forbids_the_headers_that_python_forbids_and_no_others(db):
    body = await db.fetchval("select prosrc from pg_proc where oid = 'webhooks.refuse_headers(json)'::regprocedure")
    names, prefixes = (re.findall(r"'([^']*)'", found) for found in re.findall(r"array\[([^\]]*)\]", body))
    assert (set(names), set(prefixes)) == (FORBIDDEN_NAMES, set(FORBIDDEN_PREFIXES))
