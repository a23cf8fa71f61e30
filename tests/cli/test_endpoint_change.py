"""`dispatcher endpoint create`, `update` and `rotate-secret`: by what is given, refused in the schema's words."""

import json
from datetime import timedelta

import pytest

from dispatcher.cli.complaint import worded
from dispatcher.errors import Refused
from tests.support.commands import object_of, ran
from tests.support.refusals import SECRET
from tests.support.sql import endpoint, subscribe

URL = "https://example.com/hook"


async def typed_types(db, endpoint_id: int) -> list[str]:
    rows = await db.fetch("select pattern from webhooks.subscriptions where endpoint_id = $1 order by 1", endpoint_id)
    return [row["pattern"] for row in rows]


# --- create


async def test_one_of_a_url_alone_gets_everything_and_a_secret_that_is_shown_once(database, db):
    done = await ran("endpoint", "create", URL, dsn=database.dsn)
    assert (done.returncode, done.stderr) == (0, "")
    first, secret, once = done.stdout.splitlines()
    row = await endpoint(db, 1)
    assert first == f"endpoint 1 is active: * to {URL}"
    assert secret.split() == ["secret", row["secret"]]
    assert "shown this once" in once
    again = await ran("endpoint", "show", "1", "--json", dsn=database.dsn)
    assert row["secret"] not in again.stdout


async def test_every_setting_can_be_given(database, db, tmp_path):
    (tmp_path / "secret").write_text(SECRET + "\n")
    (tmp_path / "headers").write_text("Authorization: Bearer abc\n\nX-Other:  d\n")
    made = await object_of(
        "endpoint", "create", URL, "--types", "order.*,user.made", "--types", "a", "--tenant", "acme", "--name", "ERP",
        "--profile", "standard", "--secret", f"@{tmp_path}/secret", "--api-key", "generate", "--header", "X-A: b:c",
        "--header", f"@{tmp_path}/headers", "--timeout-s", "2.5", "--max-in-flight", "3", "--max-attempts", "4",
        "--rate-limit", "0.5", "--ordered", "--filter", "$.a > 1", dsn=database.dsn,
    )  # fmt: skip
    row = await endpoint(db, made["endpoint_id"])
    assert (made["state"], made["secret"]) == ("active", None), "one that was given is not said again"
    assert (row["secret"], row["api_key"]) == (SECRET, made["api_key"])
    assert len(made["api_key"]) == 43
    assert json.loads(row["headers"]) == {"X-A": "b:c", "Authorization": "Bearer abc", "X-Other": "d"}
    given = ("tenant", "name", "profile", "timeout_s", "max_in_flight", "max_attempts", "rate_limit", "ordered")
    assert [row[name] for name in given] == ["acme", "ERP", "standard", 2.5, 3, 4, 0.5, True]
    assert await typed_types(db, made["endpoint_id"]) == ["a", "order.*", "user.made"]
    assert await db.fetchval("select min(filter::text) from webhooks.subscriptions") == '($."a" > 1)'


async def test_a_secret_may_come_in(database, db):
    done = await ran("endpoint", "create", URL, "--secret", "-", dsn=database.dsn, stdin=SECRET.encode() + b"\r\n")
    assert done.returncode == 0
    assert SECRET not in done.stdout
    assert (await endpoint(db, 1))["secret"] == SECRET


async def test_one_that_begins_inactive_says_what_to_do(database, db):
    await db.execute("update webhooks.profiles set initial_state = 'inactive' where is_default")
    done = await ran("endpoint", "create", URL, dsn=database.dsn)
    assert done.stdout.startswith(f"endpoint 1 is inactive: * to {URL}\n")
    assert done.stdout.endswith("dispatcher endpoint test 1, then dispatcher endpoint activate 1\n")


REFUSED = {
    "a number": (["--timeout-s", "31"], "timeout_s is 31; allowed: seconds, 2 to 30, or null for the default"),
    "one with a fraction": (["--max-in-flight", "1.5"], "max_in_flight is 1.5; allowed: 1 to 1000, or null for"),
    "a profile": (["--profile", "nobody"], "profile is not known; allowed: "),
    "a type": (["--types", "a b"], "pattern"),
    "no type": (["--types", ""], "pattern"),
    "a filter": (["--filter", "$.a"], "filter is refused"),
    "a header": (["--header", "Host: a"], "headers are refused"),
    "a NUL": (["--name", "a", "--secret", "-"], "NUL"),
}


@pytest.mark.parametrize(("words", "said"), REFUSED.values(), ids=REFUSED)
async def test_what_the_schema_refuses_is_said_in_its_words(database, db, words, said):
    done = await ran("endpoint", "create", URL, *words, dsn=database.dsn, stdin=b"a\0b")
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("dispatcher: ")
    assert said in line
    assert await db.fetchval("select count(*) from webhooks.endpoints") == 0


def test_a_hint_that_is_a_sentence_is_not_called_what_is_allowed():
    hints = {
        "seconds, 2 to 30": "no; allowed: seconds, 2 to 30",
        "allowed: a, b": "no; allowed: a, b",
        "did you mean timeout_s?": "no; did you mean timeout_s?",
        "only an active endpoint can be paused": "no; only an active endpoint can be paused",
        "leave it out": "no; leave it out",
    }
    for hint, said in hints.items():
        assert worded(Refused("22023", "rule", "no", hint)) == said


URLS = {
    "private": ("https://10.0.0.1/x", "10.0.0.1 is private", {"egress__allow_networks": "[]"}),
    "http": ("http://example.com/x", "its scheme is http", {"egress__allow_http": "false"}),
    "denied": ("https://bad.example.com/", "egress.deny_hosts", {"egress__deny_hosts": '["bad.example.com"]'}),
    "a port": ("https://example.com:22/", "port 22 is for SSH", {}),
}


@pytest.mark.parametrize(("url", "why", "settings"), URLS.values(), ids=URLS)
async def test_a_url_that_a_dispatcher_would_not_use_is_refused_before_it_is_there(database, db, url, why, settings):
    endpoint_id, _ = await subscribe(db, URL)
    for words in (["create", url], ["update", str(endpoint_id), "--url", url]):
        done = await ran("endpoint", *words, dsn=database.dsn, **settings)
        assert (done.returncode, done.stdout) == (1, "")
        assert "url is refused: " in done.stderr
        assert why in done.stderr
    assert [row["url"] for row in await db.fetch("select url from webhooks.endpoints")] == [URL]


async def test_a_url_that_nobody_would_use_is_refused_in_the_schema_s_words(database):
    done = await ran("endpoint", "create", "ftp://example.com/", dsn=database.dsn)
    assert done.returncode == 1
    assert done.stderr.startswith("dispatcher: url is refused: its scheme is not https or http; allowed: an absolute")


# --- update


async def test_what_is_given_is_changed_and_nothing_else(database, db):
    endpoint_id, _ = await subscribe(db, URL, "{a,b}", name="ERP", timeout_s=3, secret=SECRET)
    before = dict(await endpoint(db, endpoint_id))
    done = await ran("endpoint", "update", str(endpoint_id), "--timeout-s", "4", dsn=database.dsn)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"endpoint {endpoint_id}: changed timeout_s\n", "")
    after = dict(await endpoint(db, endpoint_id))
    assert {name for name in after if after[name] != before[name]} == {"timeout_s"}
    assert await typed_types(db, endpoint_id) == ["a", "b"]


async def test_what_is_unset_is_as_profile_and_configuration_say(database, db):
    endpoint_id, _ = await subscribe(db, URL, name="ERP", timeout_s=3, max_attempts=3, headers='{"A": "b"}')
    words = ["--unset", "name", "--unset", "timeout_s", "--unset", "headers", "--max-attempts", "5"]
    await object_of("endpoint", "update", str(endpoint_id), *words, dsn=database.dsn)
    row = await endpoint(db, endpoint_id)
    assert [row[name] for name in ("name", "timeout_s", "headers", "max_attempts")] == [None, None, None, 5]


async def test_types_are_replaced_added_and_taken_away(database, db):
    endpoint_id, _ = await subscribe(db, URL, "{a,b}")
    number = str(endpoint_id)
    await object_of("endpoint", "update", number, "--add-type", "c.*", "--remove-type", "a", dsn=database.dsn)
    assert await typed_types(db, endpoint_id) == ["b", "c.*"]
    await object_of("endpoint", "update", number, "--types", "x,y", dsn=database.dsn)
    assert await typed_types(db, endpoint_id) == ["x", "y"]
    unknown = await ran("endpoint", "update", number, "--remove-type", "z", dsn=database.dsn)
    assert (unknown.returncode, unknown.stderr) == (1, f"dispatcher: endpoint {number} has no type z; it has: x, y\n")
    none_left = await ran("endpoint", "update", number, "--remove-type", "x,y", dsn=database.dsn)
    assert none_left.returncode == 1
    assert "types is null or empty" in none_left.stderr


async def test_one_that_is_not_there_is_said(database):
    for words in (["update", "7", "--name", "a"], ["show", "7"], ["test", "7"], ["rotate-secret", "7"]):
        done = await ran("endpoint", *words, dsn=database.dsn)
        assert (done.returncode, done.stdout, done.stderr) == (1, "", "dispatcher: there is no endpoint 7\n")


# --- rotate-secret


async def test_a_new_secret_is_shown_once_and_the_former_one_signs_for_a_while(database, db):
    endpoint_id, former = await subscribe(db, URL)
    done = await ran("endpoint", "rotate-secret", str(endpoint_id), "--overlap", "2h", dsn=database.dsn)
    row = await endpoint(db, endpoint_id)
    assert done.stdout.splitlines()[1].split() == ["secret", row["secret"]]
    assert "for 2 h, until" in done.stdout
    assert row["previous_secret"] == former != row["secret"]
    assert former not in done.stdout
    left = row["previous_secret_until"] - await db.fetchval("select now()")
    assert timedelta(minutes=118) < left <= timedelta(hours=2)


async def test_a_secret_that_is_given_is_not_said_again(database, db):
    endpoint_id, _ = await subscribe(db, URL)
    words = ["endpoint", "rotate-secret", str(endpoint_id), "--secret", "-"]
    done = await ran(*words, dsn=database.dsn_as("app_operator"), stdin=SECRET.encode())
    assert done.returncode == 0
    assert SECRET not in done.stdout
    assert (await endpoint(db, endpoint_id))["secret"] == SECRET


async def test_an_overlap_beyond_a_week_is_refused(database, db):
    endpoint_id, _ = await subscribe(db, URL)
    done = await ran("endpoint", "rotate-secret", str(endpoint_id), "--overlap", "8d", dsn=database.dsn)
    assert done.returncode == 1
    assert "0 to 7 days" in done.stderr
