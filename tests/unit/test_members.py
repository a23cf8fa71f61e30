"""Members of an object are found as they are written."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.policy.members import members

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.dictionaries(st.text(), JSON), st.sampled_from([None, 0, 3]), st.booleans())
def test_each_member_is_what_it_was(value, indent, ascii_only):
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    found = members(f" \n{text}\t")
    assert {name: json.loads(written) for name, written in found.items()} == value
    assert all(written in text for written in found.values())


@pytest.mark.parametrize(
    ("text", "name", "written"),
    [
        ('{"a" : 1.10 }', "a", "1.10"),
        ('{"a":\n[ 1 ,2]\n,"b":{}}', "a", "[ 1 ,2]"),
        ('{"a":1,"a":2}', "a", "2"),
        ('{"\\u0061": "\\u0000"}', "a", '"\\u0000"'),
        ('{"a":"}, \\" {"}', "a", '"}, \\" {"'),
        ('{"a":' + "9" * 5000 + "}", "a", "9" * 5000),
        ('{"a":-0.0e-99999}', "a", "-0.0e-99999"),
        ('{"a":' + "[" * 500 + "]" * 500 + "}", "a", "[" * 500 + "]" * 500),
    ],
)
def test_nothing_of_it_is_changed(text, name, written):
    assert members(text)[name] == written


def test_an_empty_object_has_none():
    assert members("{ }") == {}
