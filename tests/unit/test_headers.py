"""Which headers and keys a customer may set: the tables in headers.json and api_keys.json, as for SQL."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.policy.headers import FORBIDDEN_NAMES, FORBIDDEN_PREFIXES, refuse_api_key, refuse_headers


def cases(name: str) -> list[dict]:
    return json.loads(Path(__file__).with_name(name).read_text("ascii"))


def test_every_set_of_headers_in_the_table_is_judged_as_it_says():
    wrong = []
    for case in cases("headers.json"):
        headers = {
            name: value.ljust(case["pad"], "a") if "pad" in case else value for name, value in case["input"].items()
        }
        if (refusal := refuse_headers(headers)) != case["why"]:
            wrong.append((str(headers)[:100], refusal, case["why"]))
    assert wrong == []


def test_every_api_key_in_the_table_is_judged_as_it_says():
    wrong = []
    for case in cases("api_keys.json"):
        key = case["input"].ljust(case.get("pad", 0), "a")
        if (refusal := refuse_api_key(key)) != case["why"]:
            wrong.append((key[:100], refusal, case["why"]))
    assert wrong == []


@pytest.mark.parametrize("spell", [str.lower, str.upper, str.title])
def test_a_forbidden_name_is_forbidden_however_it_is_spelled(spell):
    for name in [*FORBIDDEN_NAMES, *FORBIDDEN_PREFIXES, *(prefix + "x" for prefix in FORBIDDEN_PREFIXES)]:
        assert refuse_headers({spell(name): "1"}) == f"{spell(name)} is set by the dispatcher, a proxy or a cloud"


def test_the_lists_are_in_lower_case_and_say_nothing_twice():
    for name in [*FORBIDDEN_NAMES, *FORBIDDEN_PREFIXES]:
        assert name == name.lower()
    assert len(set(FORBIDDEN_PREFIXES)) == len(FORBIDDEN_PREFIXES)


@given(st.dictionaries(st.text(), st.one_of(st.text(), st.none(), st.integers())))
def test_what_is_accepted_can_only_be_one_line_each(headers):
    if refuse_headers(headers) is None:
        for name, value in headers.items():
            assert f"{name}: {value}".isascii()
            assert f"{name}: {value}".isprintable()
            assert value == value.strip()


@given(st.text(min_size=1).map(lambda noise: f"zzsecret{noise}\n"))
def test_a_refusal_never_repeats_a_value(secret):
    assert "zzsecret" not in refuse_headers({"Authorization": secret})
    assert "zzsecret" not in refuse_api_key(secret)
