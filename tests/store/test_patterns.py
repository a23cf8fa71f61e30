"""What a type is, and a pattern: SQL and Python say the same."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dispatcher.policy.patterns import is_pattern, is_type

TEXTS = [
    "", "*", "a", "a.*", "a.b", "a.b.*", ".*", "*.a", "a.*.b", "a*", "a..b", "a.", ".a", "é", "a b", "a\n", "\na",
    "-._",
    "x" * 128, "x" * 129, "x" * 128 + ".*", "x" * 129 + ".*", "**", "webhook.ping", "A-Z_0",
]  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
async def test_sql_and_python_agree(db, text):
    said = await db.fetchrow("select webhooks.is_type($1) as type, webhooks.is_pattern($1) as pattern", text)
    assert (is_type(text), is_pattern(text)) == (said["type"], said["pattern"])


@given(st.text(alphabet="ab.*- \n", max_size=8))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_type_is_a_pattern(text):
    assert not is_type(text) or is_pattern(text)
