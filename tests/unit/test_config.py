"""The configuration: where values come from, and what is understood."""

import json
import tomllib

import pytest
from pydantic import ValidationError

from dispatcher.config import Settings, load, origins, shipped, sources

KEYS = [(section, key) for section, table in Settings().model_dump().items() for key in table]


def variable(section: str, key: str) -> str:
    return f"DISPATCHER_{section}__{key}".upper()


# Where values come from.


def test_the_shipped_file_says_exactly_the_defaults(configure):
    assert configure(shipped()) == Settings()


def test_the_shipped_file_mentions_every_key_in_the_order_of_the_model():
    assert [(section, key) for section, table in tomllib.loads(shipped()).items() for key in table] == KEYS


def test_an_empty_file_means_the_defaults(configure):
    assert configure() == Settings()


def test_the_default_file_may_be_missing(monkeypatch, tmp_path):
    monkeypatch.setattr(sources, "DEFAULT_FILE", tmp_path / "nowhere.toml")
    assert load(None, {}) == Settings()


def test_the_default_file_is_read_when_it_is_there(monkeypatch, tmp_path):
    monkeypatch.setattr(sources, "DEFAULT_FILE", tmp_path / "dispatcher.toml")
    sources.DEFAULT_FILE.write_text('[log]\nlevel = "debug"')
    assert load(None, {}).log.level == "debug"


def test_a_variable_outweighs_the_file_and_a_credential_both(configure):
    settings = configure(
        "[dispatch]\nmax_in_flight = 1\nmax_slow = 1\nmax_unsettled = 1",
        {"DISPATCHER_DISPATCH__MAX_SLOW": "2", "DISPATCHER_DISPATCH__MAX_UNSETTLED": "2"},
        {"dispatch.max_unsettled": "3"},
    )
    assert settings.dispatch.max_in_flight == 1
    assert settings.dispatch.max_slow == 2
    assert settings.dispatch.max_unsettled == 3


def test_where_values_came_from_is_told_in_the_order_in_which_they_outweigh(tmp_path):
    (tmp_path / "ours.toml").write_text("[log]\nlevel = 'debug'\n")
    (tmp_path / "database.dsn").write_text("postgresql://app@localhost/app")
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path), "DISPATCHER_LOG__LEVEL": "info", "PATH": "/bin"}
    assert origins(tmp_path / "ours.toml", environ) == [
        str(tmp_path / "ours.toml"), "DISPATCHER_LOG__LEVEL", "credential database.dsn",
    ]  # fmt: skip


def test_what_is_outweighed_is_not_judged(configure):
    assert configure("[log]\nlevel = 3", {"DISPATCHER_LOG__LEVEL": "error"}).log.level == "error"


@pytest.mark.parametrize(("section", "key"), KEYS)
def test_every_key_can_be_given_in_each_of_the_three_ways(configure, tmp_path, section, key):
    (tmp_path / "a").touch()
    other: dict[tuple[str, str], object] = {
        ("dispatch", "installation"): "staging",
        ("database", "dsn"): "embedded",
        ("database", "password_file"): str(tmp_path / "a"),
        ("database", "synchronous_commit"): "off",
        ("egress", "allow_http"): True,
        ("egress", "ports"): (8443, 443),
        ("egress", "proxy"): "http://user:p%40ss@proxy.example.com:3128",
        ("egress", "ca_file"): str(tmp_path / "a"),
        ("admin", "listen"): "unix:/run/dispatcher/admin.sock",
        ("admin", "allow_remote"): True,
        ("admin", "allow_hosts"): ("hooks.example.com", "10.1.2.3"),
        ("retention", "replies"): "none",
        ("dispatch", "profile"): "sydx",
        ("dispatch", "profiles_dir"): "/etc/dispatcher/profiles",
        ("secrets", "keys_file"): str(tmp_path / "a"),
        ("log", "format"): "json",
        ("log", "level"): "error",
        ("log", "attempts"): "failures",
    }
    for name in ("allow_networks", "deny_networks"):
        other["egress", name] = ("10.0.0.0/8", "fd00::/8")
    for name in ("allow_hosts", "deny_hosts"):
        other["egress", name] = ("hooks.example.com", "*.example.org")
    default = getattr(getattr(Settings(), section), key)
    value = other.get((section, key), default + 1 if not isinstance(default, str | tuple) else None)
    if key == "jitter":
        value = 0.5
    text = json.dumps(value)
    bare = value if isinstance(value, str) else text

    expected = Settings.model_validate({section: {key: value}})
    assert expected != Settings()
    assert configure(f"[{section}]\n{key} = {text}") == expected
    assert load(tmp_path / "a", {variable(section, key): bare}) == expected
    (tmp_path / "credentials" / f"{section}.{key}").write_text(bare + "\n")
    assert load(tmp_path / "a", {"CREDENTIALS_DIRECTORY": str(tmp_path / "credentials")}) == expected


def test_a_credential_ends_where_its_last_line_ends(configure):
    dsn = "postgresql://h/d?password=p "
    assert configure(credentials={"database.dsn": f"{dsn}\r\n"}).database.dsn == dsn


def test_credentials_of_other_names_are_somebody_elses(configure):
    assert configure(credentials={"tls.key": "x", "database": "x", "database.dns": "x"}) == Settings()


@pytest.mark.parametrize("folder", ["", "/nonexistent"])
def test_a_folder_of_credentials_that_is_not_there_holds_none(tmp_path, folder):
    (tmp_path / "empty.toml").touch()
    assert load(tmp_path / "empty.toml", {"CREDENTIALS_DIRECTORY": folder}) == Settings()


def test_other_variables_are_somebody_elses(configure):
    assert configure(environ={"DISPATCHERS": "x", "DATABASE__DSN": "x", "dispatcher_log__level": "x"}) == Settings()


def test_settings_do_not_change():
    with pytest.raises(ValidationError, match="frozen"):
        Settings().dispatch.max_in_flight = 1


# What is understood.


@pytest.mark.parametrize(
    ("given", "understood"),
    [("true", True), ("True", True), ("1", True), ("yes", True), ("false", False), ("0", False), ("off", False)],
)
def test_a_variable_may_say_yes_and_no_in_the_usual_ways(configure, given, understood):
    assert configure(environ={"DISPATCHER_EGRESS__ALLOW_HTTP": given}).egress.allow_http is understood


@pytest.mark.parametrize(
    "dsn",
    [
        "",
        "embedded",
        "embedded:/var/lib/dispatcher",
        "postgresql://app@db.internal:5432/app",
        "postgres://app:hunter2@[::1]/app?sslmode=require",
        "postgresql:///app?host=/run/postgresql",
    ],
)
def test_these_are_databases(configure, dsn):
    assert configure(environ={"DISPATCHER_DATABASE__DSN": dsn}).database.dsn == dsn


def test_hosts_and_networks_arrive_in_one_form(configure):
    egress = configure('[egress]\nallow_hosts = ["*.Example.COM."]\ndeny_networks = ["192.0.2.1", "FD00::/8"]').egress
    assert egress.allow_hosts == ("*.example.com",)
    assert egress.deny_networks == ("192.0.2.1/32", "fd00::/8")
