"""Every command and option says what it is for; what is mistyped is named; a shell completes what is known at once."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from dispatcher import cli
from dispatcher.cli import asking
from tests.support.commands import ran
from tests.support.daemon import environment

SHELLS = {
    "bash": ({"COMP_WORDS": "dispatcher {words} {begun}", "COMP_CWORD": "{place}"}, "complete_bash"),
    "zsh": ({"_TYPER_COMPLETE_ARGS": "dispatcher {words} {begun}"}, "complete_zsh"),
    "fish": ({"_TYPER_COMPLETE_ARGS": "dispatcher {words} {begun}", "_TYPER_COMPLETE_FISH_ACTION": "get-args",
              "_TYPER_COMPLETE_WORD_TO_COMPLETE": "{begun}"}, "complete_fish"),
}  # fmt: skip
ROOT = Path(__file__).parents[2]


def commands(group=None, before: tuple[str, ...] = ()):
    """Every command that does something, by the words that are typed for it."""
    for name, command in (group or get_command(cli.app)).commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*before, name))
        else:
            yield " ".join((*before, name)), command


COMMANDS = dict(commands())


def test_every_command_of_the_contract_is_there():
    named = {words.partition(" ")[0] for words in COMMANDS}
    assert named >= {"run", "demo", "migrate", "check", "status", "endpoint", "event", "delivery", "profile", "rekey"}
    of_endpoints = {
        "list", "show", "create", "update", "delete", "activate", "pause", "resume", "test", "rotate-secret",
    }  # fmt: skip
    assert {words.partition(" ")[2] for words in COMMANDS if words.startswith("endpoint ")} == of_endpoints
    assert {words.partition(" ")[2] for words in COMMANDS if words.startswith("delivery ")} == {
        "list", "show", "retry", "cancel",
    }  # fmt: skip
    assert {"event send", "event list", "event show", "event match"} <= set(COMMANDS)


@pytest.mark.parametrize("words", COMMANDS)
def test_a_command_and_each_of_its_options_has_a_sentence(words):
    command = COMMANDS[words]
    assert command.help, words
    assert command.help[0].isupper()
    for parameter in command.params:
        said = getattr(parameter, "help", None)
        assert said, f"{words}: {parameter.name}"
        assert said.endswith((".", "]")), f"{words}: {parameter.name}: {said}"


def test_every_command_that_prints_takes_json_and_a_configuration():
    plain = {"run", "demo", "migrate", "listen"}
    for words, command in COMMANDS.items():
        names = {option for parameter in command.params for option in parameter.opts}
        assert words in plain or {"--json", "--config"} <= names, words


MISTYPED = {
    "no state": (["endpoint", "list", "--state", "gone"], "inactive, active, paused, disabled"),
    "no instant": (["delivery", "list", "--since", "yesterday"], "30min"),
    "no pattern": (["event", "list", "--type", "ord*"], "'ord*' is no event type"),
    "no type": (["endpoint", "list", "--type", "order.*"], "'order.*' is no event type"),
    "no place": (["delivery", "list", "--after", "7"], "2026-11-21T20:15:00.123456Z/42"),
    "no event": (["event", "show", "evt_7"], "webhook-id"),
    "no id": (["delivery", "show", "0"], "ID"),
    "an id beyond all": (["delivery", "show", "9" * 30], "ID"),
    "no setting": (["endpoint", "update", "1", "--unset", "url"], "max-attempts"),
    "nothing to change": (["endpoint", "update", "1"], "nothing to change"),
    "not a number": (["endpoint", "update", "1", "--timeout-s", "nan"], "'nan' is not a number"),
    "no span": (["endpoint", "rotate-secret", "1", "--overlap", "2026-01-01"], "24h"),
    "a secret that was typed": (["endpoint", "create", "https://a.example", "--secret", "hunter2"], "(ps)"),
    "stdin twice": (["endpoint", "create", "https://a.example", "--secret", "-", "--api-key", "-"], "read once"),
    "no header": (["endpoint", "create", "https://a.example", "--header", "hunter2"], "'Name: value'"),
    "a header twice": (["endpoint", "update", "1", "--header", "A: b", "--header", "a: c"], "given twice"),
    "set and unset": (["endpoint", "update", "1", "--name", "a", "--unset", "name"], "one or the other"),
    "types twice": (["endpoint", "update", "1", "--types", "a", "--add-type", "b"], "--add-type"),
    "nobody to ask": (["endpoint", "delete", "1"], "--yes"),
    "an event's own time": (["delivery", "list", "--event", "a" * 32, "--since", "2h"], "--since"),
}


@pytest.mark.parametrize(("words", "named"), MISTYPED.values(), ids=MISTYPED)
async def test_what_is_mistyped_is_named_in_one_line(words, named):
    done = await ran(*words, dsn="postgresql://nobody@127.0.0.1:1/nowhere")
    assert (done.returncode, done.stdout) == (2, ""), done
    (line,) = done.stderr.splitlines()
    assert line.startswith("dispatcher: ")
    assert named in line
    assert "hunter2" not in line
    assert line.endswith(f"; see: dispatcher {' '.join(words[:2])} --help")


async def test_an_argument_that_is_no_text_is_refused():
    done = await ran("endpoint", "list", "--tenant", "\udcff", dsn="postgresql://nobody@127.0.0.1:1/nowhere")
    assert (done.returncode, done.stderr) == (
        2, "dispatcher: Invalid value: an argument is not UTF-8; see: dispatcher endpoint list --help\n",
    )  # fmt: skip


async def test_the_configuration_may_be_named_before_or_after(tmp_path):
    file = str(tmp_path / "none.toml")
    for words in (["--config", file, "delivery", "list"], ["delivery", "list", "--config", file]):
        done = await ran(*words)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(f"dispatcher: {file}: No such file")


async def test_a_database_that_is_not_there_is_said():
    done = await ran("delivery", "list", dsn="postgresql://nobody@127.0.0.1:1/nowhere")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("dispatcher: nobody@127.0.0.1:1/nowhere: ")


async def test_a_database_that_does_not_answer_keeps_nobody_waiting(monkeypatch):
    monkeypatch.setattr(asking, "WITHIN_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        done = await ran("endpoint", "list", dsn=f"postgresql://nobody@127.0.0.1:{port}/nowhere")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "dispatcher: no answer within 0.5 s\n")


def completed(shell: str, words: str, begun: str = "") -> str:
    """What a shell is offered after these words."""
    variables, instruction = SHELLS[shell]
    place = len(words.split()) + 1
    asked = {name: text.format(words=words, begun=begun, place=place) for name, text in variables.items()}
    done = subprocess.run(
        [sys.executable, "-m", "dispatcher"], capture_output=True, text=True, timeout=60, check=False,
        env=environment() | asked | {"_DISPATCHER_COMPLETE": instruction},
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_is_offered_commands_and_states(shell):
    offered = completed(shell, "endpoint", "ro")
    assert "rotate-secret" in offered
    assert "resume" not in offered
    offered = completed(shell, "delivery list --state", "de")
    assert "delivered" in offered
    assert "dead" in offered
    assert "pending" not in offered


def test_a_shell_is_offered_the_profiles_and_nothing_where_there_is_no_saying():
    assert "standard" in completed("bash", "endpoint create u --profile", "s").split()
    done = subprocess.run(
        [sys.executable, "-m", "dispatcher"], capture_output=True, text=True, timeout=60, check=False,
        env=environment(nonsense="1") | {"COMP_WORDS": "dispatcher endpoint create u --profile ", "COMP_CWORD": "5",
                                         "_DISPATCHER_COMPLETE": "complete_bash"},
    )  # fmt: skip
    assert (done.stdout.strip(), done.stderr) == ("", "")


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_of_a_shell_asks_this_program(shell, tmp_path):
    env = environment() | {"HOME": str(tmp_path), "SHELL": f"/bin/{shell}"}
    for option in ("--show-completion", "--install-completion"):
        done = subprocess.run(
            [sys.executable, "-m", "dispatcher", option, shell], capture_output=True, text=True, timeout=60,
            check=False, env=env | {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}, cwd=ROOT,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, ""), done
        if option == "--show-completion":
            assert "_DISPATCHER_COMPLETE" in done.stdout
        else:
            made = [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
            assert any("_DISPATCHER_COMPLETE" in text for text in made)


def test_nothing_typer_needs_is_read_before_it_is_known_what_was_typed():
    heavy = "{'pydantic', 'asyncpg', 'rich', 'aiohttp'}"
    code = f"import sys; import dispatcher.cli; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment())
    assert done.stdout.strip() == "[]"
