"""What the README says is so: its SQL runs, its files exist, its settings and commands are known."""

import re
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import click
import pytest
import typer

from dispatcher.admin.resources import routes
from dispatcher.cli import app
from dispatcher.config import Settings, load_profiles
from dispatcher.model import Reason
from dispatcher.observe.events import EVENTS
from dispatcher.policy.egress import Egress
from dispatcher.policy.ground import Ground
from dispatcher.policy.profiles import Profiles
from tests.support.installed import ADMINISTRATE, LEAVE, LEAVE_AS_DISPATCHER, MIGRATE, PACKAGE, SYSTEM, VENV
from tests.support.postgres import connected
from tests.support.profiles import SHIPPED, written

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text()
INSTALLING = (VENV, PACKAGE, SYSTEM, ADMINISTRATE, MIGRATE, LEAVE_AS_DISPATCHER, LEAVE)
"""What tests/systemd does on a machine, word for word."""
BLOCKS = [
    block
    for block in re.findall(r"```sql\n(.*?)```", README, re.DOTALL)
    if block.strip() not in {text.strip() for text in INSTALLING}
]


def filled_in(sql: str) -> str:
    """The reader's part: an id where the text says …, a word elsewhere."""
    return sql.replace("event_id = '…'", "event_id = webhooks.uuidv7()").replace("…", "x")


@pytest.mark.parametrize("block", BLOCKS, ids=count(1))
async def test_its_sql_runs(database, db, block):
    await db.execute("create table orders (id int, paid bool)")
    await db.execute("select webhooks.subscribe('https://example.com/first')")
    if "GRANT" in block:
        async with connected(database.superuser_dsn) as administrator:
            # Roles are the whole cluster's: nothing of them may stay.
            await administrator.execute(f"begin; create role my_app; create role me; {block}; rollback")
    else:
        await db.execute(filled_in(block))


@pytest.mark.parametrize("text", INSTALLING, ids=count(1))
def test_it_installs_as_the_tests_on_a_machine_do(text):
    assert text.strip() in README


def test_its_profile_of_ones_own_is_one(tmp_path):
    (text,) = re.findall(r"```toml\n(description.*?)```", README, re.DOTALL)
    written(tmp_path, acme=text)
    settings = Settings.model_validate({"dispatch": {"profiles_dir": str(tmp_path), "profile": "acme"}})
    acme = load_profiles(settings).get(None)
    assert (acme.signing.scheme, acme.signing.header_name, acme.success) == ("stripe", "acme-signature", {200})
    assert len(text.splitlines()) <= 10


def test_its_table_of_profiles_has_all_that_are_shipped_and_says_the_same():
    table = README.partition("| profile | body |")[2].partition("\n\n")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \|(.*)\|$", table, re.MULTILINE))
    assert sorted(rows) == sorted(SHIPPED)
    for name, profile in SHIPPED.items():
        body, signature, accepted, often, url, rest = (cell.strip() for cell in rows[name].split("|"))
        if not body.startswith("CloudEvents"):
            assert re.findall(r"`(\w+)`", body) == re.findall(r'[{,]"(\w+)":', profile.template.text), name
        assert accepted == ("2xx" if profile.success is None else "200"), name
        said = [f"{profile.overrides['timeout_s']:g} s"] if "timeout_s" in profile.overrides else []
        said += [f"{profile.overrides['max_attempts']}"] if "max_attempts" in profile.overrides else []
        assert often == ", ".join(said), name
        assert ("https" in url, "each once" in url) == (profile.https_only, profile.unique_url), name
        assert ("where a secret is given" in signature) == (profile.takes_secret and not profile.needs_secret), name
        assert ("strict" in rest, "inactive" in rest, "required" in rest) == (
            profile.strict, profile.initial_state == "inactive", bool(profile.required)
        ), name  # fmt: skip


def commands() -> dict[str, click.Command]:
    """Every command by what is typed after `dispatcher`."""

    def below(words: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
        if not isinstance(command, click.Group):
            yield words, command
        for name, inner in getattr(command, "commands", {}).items():
            yield from below(f"{words} {name}".strip(), inner)

    return dict(below("", typer.main.get_command(app)))


def options(command: click.Command) -> set[str]:
    return {"--help", *(option for parameter in command.params for option in parameter.opts)}


def test_it_names_every_command():
    for words in commands():
        assert re.search(rf"dispatcher {words}\b", README), words


def test_its_commands_and_options_are_known():
    known = commands()
    for text in re.findall(r"(?:^|`|uv run |/bin/|\$\()dispatcher ([a-z][^`\n#)]*)", README, re.MULTILINE):
        words = text.split()
        named = " ".join(words[:2]) if " ".join(words[:2]) in known else words[0]
        assert named in known or re.fullmatch(r"profile|[A-Z…].*", named), text
        for option in re.findall(r"--[a-z][\w-]*", text):
            assert option in options(known[named]), f"{named} {option}"


def test_its_table_of_routes_is_that_of_the_api():
    table = README.partition("| route | scope | |")[2].partition("\n\n")[0]
    said = re.findall(r"^\| `(\w+) (/\S+)` \| (\w+) \| (.+) \|$", table, re.MULTILINE)
    ground = Ground(Egress(), Profiles(SHIPPED, "standard"), None)
    api = [
        (route.method, route.path.removeprefix("/api/v1"), route.scope, route.summary.rstrip("."))
        for route in routes(ground)
    ]
    assert said == [*api, ("GET", "/openapi.json", "read", "This, for programs")]


def test_its_files_exist():
    for path in set(re.findall(r"`((?:tests|config|dispatcher|systemd|\.ci)/[\w./-]*)`", README)):
        assert (ROOT / path).exists(), path


def test_its_settings_are_known():
    known = {
        f"{section}.{key}" for section, field in Settings.model_fields.items() for key in field.annotation.model_fields
    }
    for section, key in re.findall(rf"`({'|'.join(Settings.model_fields)})\.(\w+)`", README):
        assert f"{section}.{key}" in known | set(EVENTS), f"{section}.{key}"
    for name in re.findall(r"DISPATCHER_([A-Z_]+__[A-Z_]+)", README):
        assert name.lower().replace("__", ".") in known, name


def test_it_names_every_reason():
    for reason in Reason:
        assert f"`{reason}`" in README, reason


def test_every_setting_is_documented_in_the_shipped_file():
    shipped = (ROOT / "config/dispatcher.toml").read_text()
    for section, field in Settings.model_fields.items():
        assert f"[{section}]" in shipped
        for key in field.annotation.model_fields:
            assert re.search(rf"^{key} = ", shipped, re.MULTILINE), f"{section}.{key}"
