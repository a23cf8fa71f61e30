"""The catalogue is what the code says, no more and no less."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from dispatcher.observe.events import EVENTS

PACKAGE = Path(__file__).parents[2] / "dispatcher"
LEVELS = {"debug", "info", "warning", "error", "critical", "exception"}
OURS = {"at", "level", "event"}
SECRET = {
    "secret",
    "password",
    "api_key",
    "headers",
    "authorization",
    "signature",
    "body",
    "data",
    "payload",
    "context",
}

# Past participles that do not end in -ed, and `draining`, the one state that is said while it lasts.
IRREGULAR = {
    "cut_off", "set_aside", "fanned_out", "unwritten", "unread", "unnoted", "lost", "stuck", "taken", "held_back",
    "draining",
}  # fmt: skip


def calls() -> Iterator[tuple[str, ast.Call]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in LEVELS
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id == "log"
            ):
                yield f"{path.relative_to(PACKAGE)}:{node.lineno}", node


CALLS = [pytest.param(call, id=where) for where, call in calls()]


@pytest.mark.parametrize("call", CALLS)
def test_what_is_logged_is_a_literal_of_the_catalogue(call):
    assert len(call.args) == 1, "a name, then fields"
    assert isinstance(call.args[0], ast.Constant), "never a composed text"
    assert call.args[0].value in EVENTS


@pytest.mark.parametrize("call", CALLS)
def test_no_field_is_a_secret_by_name_or_hides_one_of_ours(call):
    assert not {keyword.arg for keyword in call.keywords} & (OURS | SECRET)


def test_every_name_of_the_catalogue_is_used():
    literals = {
        node.value
        for path in PACKAGE.rglob("*.py")
        if path.name != "events.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert set(EVENTS) <= literals, set(EVENTS) - literals


@pytest.mark.parametrize("name", EVENTS)
def test_a_name_is_a_noun_and_a_past_participle(name):
    noun, participle = name.split(".")
    assert re.fullmatch(r"[a-z]+", noun)
    assert participle in IRREGULAR or re.fullmatch(r"[a-z]+ed", participle), participle


@pytest.mark.parametrize(("name", "sentence"), EVENTS.items())
def test_every_name_is_explained_in_a_sentence(name, sentence):
    assert re.fullmatch(r"[A-Z].{20,}\.", sentence), name
    assert name not in sentence
