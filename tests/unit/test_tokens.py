"""Tokens: how they are written, and what each scope allows."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.policy.tokens import Token, digest, id_of, matches, written

TEXT = written(7, bytes(range(32)))
TOKEN = Token(7, "t", "read", None, digest(TEXT))


def test_a_token_says_its_id_and_256_random_bits():
    assert re.fullmatch(r"whd_7_[A-Za-z0-9_-]{43}", TEXT)
    assert id_of(TEXT) == 7


@pytest.mark.parametrize(
    "text",
    ["", "whd_7_", "whd_0_" + "a" * 43, "whd_07_" + "a" * 43, "whd_-7_" + "a" * 43, "whd_7_" + "a" * 42,
     "whd_7_" + "a" * 44, "whd_7_" + "ä" * 43, "whd_\u0667_" + "a" * 43, "whd_" + "9" * 19 + "_" + "a" * 43,
     TEXT + "\n", " " + TEXT, TEXT.upper()],
)  # fmt: skip
def test_what_is_no_token_has_no_id(text):
    assert id_of(text) is None


@given(st.text())
def test_no_text_makes_it_fail(text):
    assert id_of(text) is None or text.startswith("whd_")


def test_a_token_matches_itself_alone():
    assert matches(TEXT, TOKEN)
    assert not matches(written(7, bytes(32)), TOKEN)
    assert not matches(written(8, bytes(range(32))), TOKEN)
    assert not matches(TEXT, None)


@pytest.mark.parametrize(
    ("scope", "allowed"),
    [("read", ["read"]), ("operate", ["read", "operate"]), ("admin", ["read", "operate", "admin"])],
)
def test_a_scope_includes_those_before_it(scope, allowed):
    token = Token(1, "t", scope, None, bytes(32))
    assert [wanted for wanted in ("read", "operate", "admin") if token.allows(wanted)] == allowed


def test_a_digest_is_not_shown():
    assert "digest" not in repr(TOKEN)
