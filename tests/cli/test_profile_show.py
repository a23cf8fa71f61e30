"""`dispatcher profile show`: every value that is in force, and where it comes from."""

import json

import pytest

from tests.support.commands import ran, told_here
from tests.support.profiles import written

OURS = """
description = "Acme"
body = '{"kind":"$type","data":$data}'
[endpoint]
timeout_s = 7
[[event_types]]
name = "a.b"
description = "Something."
example = '{"n": 1e400}'
"""

UNSET = ", and dispatch.profiles_dir is not set"


@pytest.fixture
def configured(tmp_path):
    """A configuration of all three kinds of sources, with a profile of its own: what to run with."""
    (tmp_path / "profiles").mkdir()
    folder = written(tmp_path / "profiles", acme=OURS)
    file, credentials = tmp_path / "ours.toml", tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "endpoint.jitter").write_text("0")
    file.write_text(
        f'[dispatch]\nprofiles_dir = "{folder}"\n[endpoint]\nmax_attempts = 3\nbackoff_base_s = 60\ntimeout_s = 9\n'
    )
    environ = {
        "CREDENTIALS_DIRECTORY": str(credentials), "DISPATCHER_ENDPOINT__BACKOFF_BASE_S": "1800",
        "DISPATCHER_EGRESS__ALLOW_HTTP": "false",
    }  # fmt: skip
    return ["--config", str(file)], environ, folder / "acme.toml", file


async def test_each_value_says_where_it_comes_from(configured):
    config, environ, profile, file = configured
    done = await ran(*config, "profile", "show", "acme", "--json", plain=True, env=environ)
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    values = {key: (each["value"], each["source"]) for key, each in made["values"].items()}
    assert values["body"] == ('{"kind":"$type","data":$data}', str(profile))
    assert values["endpoint.timeout_s"] == (7.0, str(profile)), "the profile's outweighs the configuration's"
    assert values["endpoint.max_attempts"] == (3, str(file))
    assert values["endpoint.backoff_base_s"] == (1800.0, "DISPATCHER_ENDPOINT__BACKOFF_BASE_S")
    assert values["endpoint.jitter"] == (0.0, "credential endpoint.jitter")
    assert values["endpoint.max_in_flight"] == (8, "default")
    assert values["signature.scheme"] == ("standard", "default")
    assert made["retries"] == {"delays_s": [1800.0, 7200.0], "sum_s": 9000.0}
    assert made["event_types"] == [{"name": "a.b", "description": "Something.", "example": '{"n": 1e400}'}]
    assert made["sample"]["body"] == '{"kind":"a.b","data":{"n": 1e400}}'
    assert made["sample"]["headers"]["webhook-signature"] == "v1,…"
    assert any("egress.allow_http is off" in remark for remark in made["remarks"])


async def test_a_person_reads_the_same(configured):
    config, environ, profile, _ = configured
    done = await ran(*config, "profile", "show", "acme", plain=True, env=environ)
    assert (done.returncode, done.stderr) == (0, "")
    said = " ".join(done.stdout.split())
    for words in (
        "acme Acme", f"from: {profile}", "endpoint.timeout_s 7 acme.toml",
        "endpoint.backoff_base_s 1800 DISPATCHER_ENDPOINT__BACKOFF_BASE_S", "required none default",
        "retries 2: after 30 min, 2 h; together 2.5 h", "1 event type: a.b Something.", "webhook-signature: v1,…",
    ):  # fmt: skip
        assert words in said, done.stdout


@pytest.mark.parametrize(
    ("name", "expected"),
    {
        "manysends": {"signature.scheme": "embedded", "signature.header": "webhook-signature", "success": [200],
                      "initial_state": "inactive", "strict": True, "url.https_only": True, "endpoint.timeout_s": 30},
        "context": {"signature.scheme": "none", "signature.secret": "none", "signature.encoding": None,
                    "signature.header": None, "required": ["name"], "timestamp": "seconds"},
        "cloudevents": {"content_type": "application/cloudevents+json", "success": "2xx", "url.unique": False},
    }.items(),
)  # fmt: skip
async def test_the_shipped_ones_are_as_they_were_promised(name, expected):
    code, made = await told_here("profile", "show", name, dsn="")
    assert (code, made["shipped"], made["default"]) == (0, True, False)
    values = {key: each["value"] for key, each in made["values"].items()}
    assert values | expected == values


async def test_http_needs_no_remark_where_it_is_allowed():
    _, made = await told_here("profile", "show", "standard", dsn="")
    assert (made["remarks"], made["default"]) == ([], True)


@pytest.mark.parametrize("command", ["show", "docs", "install"])
async def test_an_unknown_name_is_refused_with_the_nearest(command):
    done = await ran("profile", command, "manysend")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"dispatcher: there is no profile 'manysend'{UNSET}; did you mean manysends?\n"


async def test_with_a_folder_of_ones_own_an_unknown_name_is_none_of_its_either(tmp_path):
    written(tmp_path, acme=OURS)
    done = await ran("profile", "show", "acm", dispatch__profiles_dir=tmp_path)
    assert (done.returncode, done.stderr) == (2, "dispatcher: there is no profile 'acm'; did you mean acme?\n")
