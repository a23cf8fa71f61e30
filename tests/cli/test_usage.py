"""What a person gets wrong is one line on stderr that names it and says what to do; exit code 2."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from dispatcher import __version__
from tests.support.daemon import environment

COMMANDS = [
    "run", "demo", "migrate", "check", "status", "replay", "rekey", "prune", "listen", "endpoint", "event", "delivery",
    "profile", "token",
]  # fmt: skip
OF_GROUPS = ["endpoint rotate-secret", "event send", "delivery cancel", "profile docs", "token create"]
DSN = "postgresql://app:hunter2@localhost/app"


def dispatcher(*words: str, dsn: str = DSN, **settings: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dispatcher", *words],
        capture_output=True, text=True, timeout=60, check=False, env=environment(dsn, **settings),
    )  # fmt: skip


def complaint(done: subprocess.CompletedProcess[str], code: int = 2) -> str:
    """The one line of stderr; nothing else was said, and nothing that should not be."""
    assert done.returncode == code, done
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert "hunter2" not in done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("dispatcher: ")
    return line.removeprefix("dispatcher: ")


def test_without_a_command_it_shows_the_help_and_fails():
    done = dispatcher()
    assert done.returncode == 2
    assert all(f"\n  {command} " in done.stdout for command in COMMANDS)
    assert done.stderr == ""


def test_help_says_what_it_is_and_names_every_command():
    done = dispatcher("--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Webhooks straight from Postgres" in done.stdout
    assert all(f"\n  {command} " in done.stdout for command in COMMANDS)


@pytest.mark.parametrize("command", [*COMMANDS, *OF_GROUPS])
def test_every_command_has_help_that_needs_no_configuration(command):
    done = dispatcher(*command.split(), "--help", nonsense="1", dsn="no dsn")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Usage: ")
    assert f"{command} [OPTIONS]" in done.stdout


def test_the_version_is_the_one_of_the_package():
    done = dispatcher("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"dispatcher {__version__}\n", "")


MISTYPED = {
    "unknown command": (["rum"], "rum"),
    "unknown option": (["run", "--fast"], "--fast"),
    "surplus word": (["run", "now"], "now"),
    "value missing": (["listen", "--port"], "--port"),
    "no number": (["listen", "--port", "many"], "--port"),
    "out of range": (["listen", "--port", "70000"], "--port"),
    "status out of range": (["listen", "--status", "99"], "--status"),
    "no scheme": (["listen", "--scheme", "sha1"], "--scheme"),
    "header of no scheme": (["listen", "--header", "X-Signature"], "--header"),
    "nothing to verify": (["listen", "--scheme", "none", "--secret", "whsec_"], "--secret"),
    "rate out of range": (["demo", "--rate", "0"], "--rate"),
    "config without a file": (["--config"], "--config"),
    "no command of a group": (["profile"], "Missing command"),
    "unknown command of a group": (["profile", "lits"], "lits"),
    "option of a group's command": (["profile", "show", "standard", "--fast"], "--fast"),
    "argument missing": (["event", "match", "order.paid"], "DATA"),
    "scope missing": (["token", "create", "billing"], "--scope"),
    "no scope": (["token", "create", "billing", "--scope", "write"], "--scope"),
    "no token": (["token", "revoke", "whd_7_x"], "ID"),
}


@pytest.mark.parametrize(("words", "named"), MISTYPED.values(), ids=MISTYPED)
def test_a_mistyped_command_line_is_named_in_one_line(words, named):
    said = complaint(dispatcher(*words))
    assert named in said
    groups = {"profile", "event", "token"}
    command = words[0] if words[0] not in groups else " ".join(words[: 2 if len(words) > 2 else 1])
    assert re.search(rf"; see: dispatcher( {command})? --help$", said)


def test_a_secret_that_is_none_is_refused_without_showing_it():
    said = complaint(dispatcher("listen", "--port", "0", "--secret", "hunter2hunter2hunter2"))
    assert "--secret" in said
    assert "whsec_" in said


MISTAKEN = {
    "unknown variable": (
        {"dispatch__max_inflight": 5},
        "DISPATCHER_DISPATCH__MAX_INFLIGHT",
        "DISPATCH__MAX_IN_FLIGHT?",
    ),
    "unknown section": (
        {"dispach__poll_s": 5},
        "DISPATCHER_DISPACH__POLL_S",
        "did you mean DISPATCHER_DISPATCH__POLL_S?",
    ),
    "no number": ({"dispatch__poll_s": "soon"}, "dispatch.poll_s", "number"),
    "out of range": ({"endpoint__timeout_s": 31}, "endpoint.timeout_s", "less than or equal to 30"),
    "no choice": ({"log__level": "loud"}, "log.level", "'debug', 'info', 'warning' or 'error'"),
    "no list": ({"egress__allow_hosts": "localhost"}, "egress.allow_hosts", "a JSON list"),
    "no network": ({"egress__allow_networks": '["10.0.0.0/99"]'}, "egress.allow_networks", "10.0.0.0/8"),
    "no file": ({"database__password_file": "/nonexistent"}, "database.password_file", "/nonexistent"),
}


@pytest.mark.parametrize(("settings", "named", "remedy"), MISTAKEN.values(), ids=MISTAKEN)
def test_a_mistaken_setting_is_named_with_what_to_do(settings, named, remedy):
    said = complaint(dispatcher("migrate", **settings))
    assert named in said
    assert remedy in said


def test_every_problem_is_a_line_of_its_own():
    done = dispatcher("run", dispatch__poll_s="soon", endpoint__timeout_s=31, nonsense=1)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 3


DSNS = {
    "another database": ("mysql://app:hunter2@localhost/app", "postgresql://user@host:5432/database"),
    "no scheme": ("app:hunter2@localhost/app", "postgresql://user@host:5432/database"),
    "keywords": ("host=localhost password=hunter2", "postgresql://user@host:5432/database"),
    "port": ("postgresql://app:hunter2@localhost:many/app", "readable host or port"),
    "bracket": ("postgresql://app:hunter2@[::1/app", "readable host or port"),
    "relative folder": ("embedded:data", "absolute path"),
    "password not encoded": ("postgresql://app:p@hunter2#w@localhost/app", "percent-encode"),
    "unknown sslmode": ("postgresql://app:hunter2@localhost/app?sslmode=perhaps", "sslmode"),
}


@pytest.mark.parametrize("command", ["run", "migrate"])
@pytest.mark.parametrize(("dsn", "remedy"), DSNS.values(), ids=DSNS)
def test_a_dsn_that_is_none_is_refused_without_its_password(command, dsn, remedy):
    done = dispatcher(command, dsn=dsn)
    assert "hunter2" not in done.stdout
    done.stdout = ""  # what only the driver can tell is found out by a daemon that has started
    said = complaint(done)
    assert said.startswith("database")
    assert remedy in said


@pytest.mark.parametrize("command", ["run", "migrate", "check", "status"])
def test_without_a_dsn_it_says_how_to_set_one(command):
    said = complaint(dispatcher(command, dsn=""))
    assert said.startswith("database.dsn is not set; set DISPATCHER_DATABASE__DSN=postgresql://user@host:5432/database")


def test_a_configuration_file_that_is_not_there_is_named():
    assert complaint(dispatcher("--config", "/nonexistent.toml", "run")).startswith("/nonexistent.toml: No such file")


@pytest.mark.parametrize("command", ["check", "status"])
def test_a_private_database_is_asked_where_its_own_run_says_it_is(command):
    said = complaint(dispatcher(command, dsn="embedded"))
    assert "set DISPATCHER_DATABASE__DSN to it" in said


FILES = {
    "no toml": ("[database\n", "must be a readable TOML file"),
    "unknown key": ('[database]\ndns = "hunter2"\n', "unknown key database.dns; did you mean dsn?"),
    "unknown section": ("[dispach]\n", "unknown section [dispach]; did you mean dispatch?"),
    "key of another section": (
        "[dispatch]\ntimeout_s = 3\n",
        "unknown key dispatch.timeout_s; did you mean endpoint.timeout_s?",
    ),
    "key without section": ("dispatch = 3\n", "write [dispatch] and its keys below"),
    "wrong type": ('[dispatch]\npoll_s = "soon"\n', "dispatch.poll_s"),
}


@pytest.mark.parametrize(("text", "remedy"), FILES.values(), ids=FILES)
def test_a_configuration_file_that_is_wrong_is_named_with_what_to_do(tmp_path, text, remedy):
    file = tmp_path / "ours.toml"
    file.write_text(text)
    said = complaint(dispatcher("--config", str(file), "run"))
    assert str(file) in said
    assert remedy in said


def test_a_configuration_file_that_is_a_folder_or_no_text_is_named(tmp_path):
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    for file in (tmp_path, tmp_path / "binary.toml"):
        assert complaint(dispatcher("--config", str(file), "run")).startswith(f"{file}: ")


def test_the_shipped_configuration_is_accepted():
    shipped = Path(__file__).parents[2] / "config" / "dispatcher.toml"
    said = complaint(dispatcher("--config", str(shipped), "run", dsn=""))
    assert said.startswith("database.dsn is not set"), "nothing else was wrong"


def test_a_closed_reader_is_no_traceback():
    with subprocess.Popen(
        [sys.executable, "-m", "dispatcher", "migrate", "--print"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(),
    ) as process:  # fmt: skip
        process.stdout.read(1)
        process.stdout.close()
        assert process.stderr.read() == b""
