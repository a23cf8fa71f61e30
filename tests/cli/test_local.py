"""What the dispatcher of this host last said of itself is shown, with the database or without."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from dispatcher.cli.overview.local import here
from tests.support.commands import told, typed

SAID = {
    "version": "0.1.0", "status": "waiting for the database", "role": "waiting", "since": None,
    "database": "app@db/app: connection refused", "epoch": 7, "in_flight": 3, "unsettled": 1, "parked": 0,
}  # fmt: skip


def write(folder, *, pid: int | None = None, age_s: float = 0.0, **changed: object) -> None:
    folder.mkdir(exist_ok=True)
    at = datetime.now(UTC) - timedelta(seconds=age_s)
    said = {"pid": pid or os.getpid(), "at": at.isoformat(), **SAID, **changed}
    (folder / "status.json").write_text(json.dumps(said))


def gone() -> int:
    """The id of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    return process.pid


def test_without_the_database_it_is_all_there_is(tmp_path):
    write(tmp_path)
    dsn = f"postgresql://app@/app?host={tmp_path}"
    done = typed("status", dsn=dsn, env={"RUNTIME_DIRECTORY": str(tmp_path)})
    assert done.returncode == 1
    *_, local, last = done.stdout.splitlines()
    assert local == (
        f"this host  pid {os.getpid()}: waiting; waiting for the database; in flight 3; unsettled 1; "
        "database: app@db/app: connection refused"
    )
    assert last.startswith("database   app@/app?host=")
    write(tmp_path)
    (local,) = told("status", dsn=dsn, env={"RUNTIME_DIRECTORY": str(tmp_path)})[1]["here"]
    assert (local["alive"], local["current"], local["said"]["epoch"]) == (True, True, 7)


async def test_with_the_database_it_is_shown_too(database, tmp_path):
    write(tmp_path)
    done = typed("status", dsn=database.dsn, env={"RUNTIME_DIRECTORY": str(tmp_path)})
    assert f"this host  pid {os.getpid()}: " in done.stdout


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"age_s": 300}, f"this host  pid {os.getpid()} alive, but silent for 5 min: "),
        ({"pid": gone(), "age_s": 300}, "gone; its last word at "),
    ],
    ids=["silent", "gone"],
)
def test_one_that_is_silent_or_gone_is_said_to_be(tmp_path, written, said):
    write(tmp_path, **written)
    done = typed("status", dsn=f"postgresql://app@/app?host={tmp_path}", env={"RUNTIME_DIRECTORY": str(tmp_path)})
    assert said in done.stdout


def test_what_it_said_cannot_command_the_terminal(tmp_path):
    write(tmp_path, status="\x1b[2J", role=["no text"], in_flight="many", unsettled=True)
    done = typed("status", dsn=f"postgresql://app@/app?host={tmp_path}", env={"RUNTIME_DIRECTORY": str(tmp_path)})
    assert f"pid {os.getpid()}: \\x1b[2J; database: " in done.stdout


GARBAGE = {
    "empty": "", "no json": "{", "no object": "[1]", "no time": '{"pid": 1}',
    "no pid": '{"at": "2026-01-01T00:00:00Z"}',
    "no zone": '{"pid": 1, "at": "2026-01-01T00:00:00"}', "not finite": '{"pid": 1e999, "at": "2026-01-01T00:00:00Z"}',
    "words": '{"pid": "one", "at": "soon"}',
}  # fmt: skip


@pytest.mark.parametrize("text", GARBAGE.values(), ids=GARBAGE)
def test_a_file_that_is_none_is_passed_over(tmp_path, text):
    (tmp_path / "status.json").write_text(text)
    assert here({"RUNTIME_DIRECTORY": str(tmp_path)}, tmp_path) == []


@pytest.mark.parametrize("pid", [0, -1, 2**40], ids=["nobody", "everybody", "too many"])
def test_a_process_id_that_is_none_is_nobodys(tmp_path, pid):
    write(tmp_path, pid=pid or -5)
    (local,) = here({"RUNTIME_DIRECTORY": str(tmp_path)}, tmp_path)
    assert not local.is_alive


def test_its_own_units_folder_comes_first_then_the_usual_one_then_those_of_instances(tmp_path):
    own, usual, first, second = (tmp_path / name for name in ("own", "dispatcher", "dispatcher-a", "dispatcher-b"))
    for folder in (first, second):
        write(folder)
    write(first, age_s=60)
    assert [local.path for local in here({}, tmp_path)] == [f"{second}/status.json", f"{first}/status.json"]
    write(usual)
    assert [local.path for local in here({}, tmp_path)] == [f"{usual}/status.json"]
    write(own)
    assert [local.path for local in here({"RUNTIME_DIRECTORY": f"{tmp_path}:{own}"}, tmp_path)] == [
        f"{own}/status.json"
    ]
