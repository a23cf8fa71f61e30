"""How a problem with the configuration is named, and what is never said."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.config import Settings, load
from dispatcher.errors import ConfigError

Configure = Callable[..., Settings]
PASSWORD = "hunter2"


def refusal(configure: Configure, *given: object, **more: object) -> str:
    with pytest.raises(ConfigError) as caught:
        configure(*given, **more)
    return str(caught.value)


# How a problem is named.


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[database]\ndns = 'x'", "unknown key database.dns; did you mean dsn?"),
        ("[dispatch]\nmax_inflight = 4", "unknown key dispatch.max_inflight; did you mean max_in_flight?"),
        ("[dispatch]\ntimeout_s = 4", "unknown key dispatch.timeout_s; did you mean endpoint.timeout_s?"),
        ("[log]\nzzz = 4", "unknown key log.zzz; known are format, level, attempts"),
        ("[endpoints]", "unknown section [endpoints]; did you mean endpoint?"),
        ("dsn = 'x'", "unknown section [dsn]"),
        (
            "[q]",
            "unknown section [q]; known are database, dispatch, endpoint, egress, breaker, admin, retention, secrets, ",
        ),
        ("log = 'debug'", "log is not a section; write [log] and its keys below"),
        ("[[log]]\nlevel = 'debug'", "log is not a section; write [log] and its keys below"),
    ],
)
def test_what_is_unknown_in_the_file_is_named_with_the_nearest(configure, tmp_path, text, said):
    assert refusal(configure, text).startswith(f"{tmp_path / 'dispatcher.toml'}: {said}")


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("DISPATCHER_DATABASE_DSN", "DISPATCHER_DATABASE__DSN"),
        ("DISPATCHER_DATABASE__DNS", "DISPATCHER_DATABASE__DSN"),
        ("DISPATCHER_LOG__LEVELS", "DISPATCHER_LOG__LEVEL"),
        ("DISPATCHER_LOG__LEVEL__X", "DISPATCHER_LOG__LEVEL"),
        ("DISPATCHER_MAX_IN_FLIGHT", "DISPATCHER_ENDPOINT__MAX_IN_FLIGHT"),
    ],
)
def test_an_unknown_variable_is_named_with_the_nearest(configure, name, nearest):
    assert refusal(configure, environ={name: PASSWORD}) == f"unknown variable {name}; did you mean {nearest}?"


@pytest.mark.parametrize("name", ["DISPATCHER_", "DISPATCHER___", "DISPATCHER_QQQQ"])
def test_no_variable_with_our_prefix_is_overlooked(configure, name):
    assert refusal(configure, environ={name: ""}).startswith(f"unknown variable {name}")


@pytest.mark.parametrize(
    ("section", "key", "value", "allowed"),
    [
        ("dispatch", "max_in_flight", "0", "greater than or equal to 1"),
        ("dispatch", "max_in_flight", "100001", "less than or equal to 100000"),
        ("dispatch", "max_in_flight", "8.5", "integer"),
        ("dispatch", "max_in_flight", '"eight"', "integer"),
        ("dispatch", "max_in_flight", "[1]", "integer"),
        ("dispatch", "poll_s", "0", "greater than 0"),
        ("dispatch", "poll_s", "nan", "2592000"),
        ("dispatch", "hold_days", "inf", "3650"),
        ("dispatch", "drain_s", "-1", "greater than 0"),
        ("endpoint", "timeout_s", "1.9", "greater than or equal to 2"),
        ("endpoint", "timeout_s", "30.1", "less than or equal to 30"),
        ("endpoint", "timeout_s", "nan", "equal to"),
        ("endpoint", "max_in_flight", "1001", "less than or equal to 1000"),
        ("endpoint", "max_attempts", "101", "less than or equal to 100"),
        ("endpoint", "backoff_factor", "0.9", "greater than or equal to 1"),
        ("endpoint", "jitter", "1.1", "less than or equal to 1"),
        ("endpoint", "jitter", "nan", "equal to"),
        ("egress", "allow_http", '"maybe"', "it must be true or false"),
        ("egress", "ports", "443", "must be a list"),
        ("egress", "ports", "[0]", "greater than or equal to 1"),
        ("egress", "ports", "[65536]", "less than or equal to 65535"),
        ("egress", "allow_networks", '["10.0.0.1/8"]', "has host bits set; a network is written 10.0.0.0/8"),
        ("egress", "deny_networks", '["office"]', "a network is written 10.0.0.0/8 or fd00::/8"),
        ("egress", "deny_hosts", '["https://example.com"]', "a host name such as hooks.example.com or *.example.com"),
        ("egress", "allow_hosts", '["*"]', "a host name such as hooks.example.com or *.example.com"),
        ("egress", "allow_hosts", '["a.*.example"]', "a host name such as hooks.example.com or *.example.com"),
        ("egress", "allow_hosts", '[""]', "a host name such as hooks.example.com or *.example.com"),
        (
            "egress",
            "ca_file",
            '"/nonexistent"',
            "must be the path of a file that can be read (No such file or directory)",
        ),
        ("database", "password_file", '"/"', "must be the path of a file that can be read (Is a directory)"),
        ("database", "synchronous_commit", '"maybe"', "'on', 'off', 'local', 'remote_write' or 'remote_apply'"),
        ("retention", "replies", '"some"', "'failures', 'all' or 'none'"),
        ("retention", "events_days", "0", "greater than or equal to 1"),
        ("retention", "events_days", "367", "less than or equal to 366"),
        ("retention", "attempts_days", "nan", "366"),
        ("retention", "keys_days", "inf", "less than or equal to 3650"),
        ("log", "level", '"INFO"', "'debug', 'info', 'warning' or 'error'"),
        ("log", "format", "1979-05-27", "'auto', 'json' or 'console'"),
    ],
)
def test_a_value_out_of_range_names_its_key_its_source_and_what_is_allowed(
    configure, tmp_path, section, key, value, allowed
):
    said = refusal(configure, f"[{section}]\n{key} = {value}")
    assert said.startswith(f"{section}.{key} ({tmp_path / 'dispatcher.toml'}) is ")
    assert allowed in said
    assert "\n" not in said


def test_the_source_named_is_the_one_that_counts(configure):
    name = "DISPATCHER_LOG__LEVEL"
    assert refusal(configure, "[log]\nlevel = 'info'", {name: "a"}).startswith(f"log.level ({name}) is 'a': ")


def test_a_list_in_a_variable_is_json(configure):
    said = refusal(configure, environ={"DISPATCHER_EGRESS__ALLOW_NETWORKS": "10.0.0.0/8"})
    assert said.endswith("""is '10.0.0.0/8': it must be a JSON list such as ["10.0.0.0/8"]""")


def test_all_problems_are_named_at_once(configure):
    said = refusal(
        configure,
        "[nope]\n[log]\nlevel = 'loud'\n[dispatch]\nmax_slow = 0\nfast = true",
        {"DISPATCHER_FOO": "", "DISPATCHER_DATABASE__DSN": "mysql://h/d"},
    ).splitlines()
    named = ["[nope]", "dispatch.fast", "DISPATCHER_FOO", "database.dsn", "dispatch.max_slow", "log.level"]
    assert [name for line, name in zip(said, named, strict=True) if name in line] == named


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[log", "at end of document"),
        (b"[log]\nlevel = debug", "at line 2, column 9"),
        (b"[log]\nlevel = 'info'\nlevel = 'info'", "Cannot overwrite a value"),
        (b"[log]\nlevel = '\xff'", "can't decode byte 0xff in position 15"),
        ("[log]\nlevel = 'info'".encode("utf-16"), "can't decode byte 0xff in position 0"),
    ],
)
def test_what_is_no_toml_names_the_file_and_the_place(configure, tmp_path, content, said):
    line = refusal(configure, content)
    assert line.startswith(f"{tmp_path / 'dispatcher.toml'}: ")
    assert line.endswith("; it must be a readable TOML file")
    assert said in line


@pytest.mark.parametrize(("name", "said"), [("nowhere.toml", "No such file or directory"), (".", "Is a directory")])
def test_a_file_that_was_asked_for_must_be_there(tmp_path, name, said):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / name, {})
    assert str(caught.value) == f"{tmp_path / name}: {said}; it must be a readable TOML file"


def test_a_certificate_where_its_path_belongs_is_a_problem_with_a_name(configure):
    pem = "-----BEGIN CERTIFICATE-----\n" + "MIIB" * 500
    assert refusal(configure, environ={"DISPATCHER_EGRESS__CA_FILE": pem}).startswith("egress.ca_file (")


def test_a_credential_that_is_no_text_is_a_problem_with_a_name(tmp_path):
    (tmp_path / "empty.toml").touch()
    (tmp_path / "database.dsn").write_bytes(b"postgresql://u:\xff@h/d")
    with pytest.raises(ConfigError, match=r"database\.dsn"):
        load(tmp_path / "empty.toml", {"CREDENTIALS_DIRECTORY": str(tmp_path)})


# What is never said.


@pytest.mark.parametrize(
    ("dsn", "allowed"),
    [
        ("postgresql://u:hunter2@h:port/d", "no readable host or port"),
        ("postgresql://u:hunter2@h:99999/d", "no readable host or port"),
        ("postgresql://u:hunter2@[::1/d", "no readable host or port"),
        ("postgresql://u:hunter2@h\u2100/d", "no readable host or port"),
        ("postgresql://u:x/hunter2@h/d", "no readable host or port"),
        ("mysql://u:hunter2@h/d", "postgresql://user@host:5432/database, or: embedded"),
        ("host=h password=hunter2", "postgresql://user@host:5432/database, or: embedded"),
        ("hunter2", "postgresql://user@host:5432/database, or: embedded"),
        ("embedded:hunter2", "absolute path"),
    ],
)
@pytest.mark.parametrize("way", ["file", "variable", "credential"])
def test_a_bad_dsn_is_refused_without_being_repeated(configure, way, dsn, allowed):
    with pytest.raises(ConfigError) as caught:
        configure(
            f"[database]\ndsn = {json.dumps(dsn)}" if way == "file" else "",
            {"DISPATCHER_DATABASE__DSN": dsn} if way == "variable" else {},
            {"database.dsn": dsn} if way == "credential" else {},
        )
    assert "database.dsn" in str(caught.value)
    assert allowed in str(caught.value)
    assert PASSWORD not in f"{caught.value!s}{caught.value!r}"
    assert caught.value.__context__ is None, "a traceback prints what is chained to it"


@pytest.mark.parametrize(
    "text",
    [
        "[database]\ndns = 'postgresql://u:hunter2@h/d'",
        "database = 'postgresql://u:hunter2@h/d'",
        "[database]\ndsn = ['postgresql://u:hunter2@h/d']",
        "[database]\ndsn = {password = 'hunter2'}",
        "[database]\ndsn = postgresql://u:hunter2@h/d",
        "[database]\ndsn = 'postgresql://u:hunter2@h/d\n",
        "[databse]\ndsn = 'postgresql://u:hunter2@h/d'",
    ],
)
def test_a_dsn_in_the_wrong_place_is_not_repeated(configure, text):
    assert PASSWORD not in refusal(configure, text)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_whatever_the_password_is_no_error_repeats_it(noise):
    password = f"zz{noise}secret"
    with pytest.raises(ConfigError) as caught:
        load(Path("/dev/null"), {"DISPATCHER_DATABASE__DSN": f"mysql://u:{password}@h:port/d"})
    assert "secret" not in f"{caught.value!s}{caught.value!r}"


def test_a_password_in_the_credential_that_names_its_file_is_not_repeated(configure):
    assert PASSWORD not in refusal(configure, credentials={"database.password_file": PASSWORD})


def test_settings_do_not_show_the_dsn(configure):
    settings = configure(environ={"DISPATCHER_DATABASE__DSN": "postgresql://u:hunter2@h/d"})
    assert PASSWORD not in f"{settings!r}{settings!s}{settings.database!r}{settings.database!s}"


@pytest.mark.parametrize("name", ["sslrootcert", "sslcert", "sslkey", "sslcrl"])
def test_a_file_that_a_dsn_names_has_to_be_readable(configure, tmp_path, name):
    file = tmp_path / "a file.pem"
    text = f'[database]\ndsn = "postgresql://u@h/d?sslmode=verify-full&{name}={str(file).replace(" ", "%20")}"'
    said = refusal(configure, text)
    assert said.endswith(f"its {name}: it must be the path of a file that can be read (No such file or directory)")
    file.touch()
    configure(text)


def test_keys_that_contradict_each_other_are_refused_in_a_sentence_that_names_both(configure):
    with pytest.raises(ConfigError) as caught:
        configure("[dispatch]\nhold_days = 31")
    assert str(caught.value).startswith("dispatch.hold_days is 31, above retention.events_days, 30: ")


def test_what_is_held_may_be_held_as_long_as_events_are_kept(configure):
    assert configure("[dispatch]\nhold_days = 1\n[retention]\nevents_days = 1").retention.events_days == 1


@pytest.mark.parametrize("key", ["secrets__keys_file", "database__password_file", "egress__ca_file"])
def test_a_pipe_in_the_place_of_a_file_is_said_and_not_waited_for(tmp_path, key):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match=r"it must be the path of a file that can be read \(a pipe\)"):
        load(None, {f"DISPATCHER_{key.upper()}": str(tmp_path / "pipe")})
