"""`dispatcher profile list`: every profile that is loaded; no database is needed."""

import re
from pathlib import Path

import pytest

from dispatcher.cli.promises.known import Known
from dispatcher.cli.promises.listing import _lines
from dispatcher.config import Settings, load_profiles
from tests.support.commands import told, typed
from tests.support.profiles import SHIPPED, written

OURS = """
description = "Acme"
body = '{"kind":"$type","data":$data}'
success = [200, 202]
initial_state = "inactive"
[signature]
scheme = "github"
"""


def rows(*words: str, **settings: object) -> dict[str, list[str]]:
    """The columns of each profile, and of the head, by the name; two spaces are between them."""
    done = typed("profile", "list", *words, plain=True, **settings)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.split("\n\n")[0].splitlines()
    return {name: rest for name, *rest in (re.split(r"  +", line) for line in lines)}


def test_the_shipped_ones_are_there_each_with_what_it_promises():
    found = rows()
    assert set(found) == {"name", "standard *", *(set(SHIPPED) - {"standard"})}
    hellomateo = ["standard", "optional", "2xx", "2 s", "4", "https, unique", "15", "active", "shipped"]
    assert found["hellomateo"] == hellomateo
    assert found["manysends"] == ["embedded", "optional", "200", "30 s", "14", "https", "18", "inactive", "shipped"]
    assert found["context"] == ["none", "none", "2xx", "15 s", "14", "http or https", "3", "active", "shipped"]


def test_ones_own_are_there_with_their_file_and_the_default_is_marked(tmp_path):
    folder = written(tmp_path, acme=OURS)
    found = rows(dispatch__profiles_dir=folder, dispatch__profile="acme", endpoint__timeout_s=7)
    assert found["acme *"] == [
        "github", "required", "200,202", "7 s", "14", "http or https", "0", "inactive", str(folder / "acme.toml"),
    ]  # fmt: skip
    assert "standard" in found


def test_as_json(tmp_path):
    folder = written(tmp_path, acme=OURS)
    code, made = told("profile", "list", dsn="", dispatch__profiles_dir=folder)
    assert (code, made["default"]) == (0, "standard")
    by_name = {each["name"]: each for each in made["profiles"]}
    assert by_name["acme"] == {
        "name": "acme", "description": "Acme", "default": False, "scheme": "github", "secret": "required",
        "success": [200, 202], "timeout_s": 15.0, "max_attempts": 14, "https_only": False, "unique": False,
        "initial_state": "inactive", "event_types": 0, "shipped": False, "file": str(folder / "acme.toml"),
    }  # fmt: skip
    assert by_name["sydx"]["shipped"]
    assert Path(by_name["sydx"]["file"]).name == "sydx.toml"


@pytest.mark.parametrize("columns", [80, 120])
def test_it_fits_a_terminal_and_says_below_what_is_left_out(tmp_path, columns):
    settings = Settings.model_validate({"dispatch": {"profiles_dir": str(written(tmp_path, acme=OURS))}})
    known = Known(settings, load_profiles(settings), {})
    lines = ["".join(span if isinstance(span, str) else span[0] for span in line) for line in _lines(known, columns)]
    head, *table = lines[: lines.index("")]
    assert all(len(line.rstrip()) <= columns for line in (head, *table)), lines
    assert len(table) == len(SHIPPED) + 1
    assert not [line for line in table if "…" in line]
    assert "created inactive: manysends, acme" in lines
    assert f"from {tmp_path}: acme" in lines


def test_a_file_that_is_wrong_is_named_and_nothing_is_listed(tmp_path):
    done = typed("profile", "list", dispatch__profiles_dir=written(tmp_path, acme=OURS + "[url]\nhttps = true"))
    assert (done.returncode, done.stdout) == (2, "")
    assert "acme.toml: unknown key url.https" in done.stderr
