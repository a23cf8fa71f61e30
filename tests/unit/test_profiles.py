"""Profile files: what may be in them, what each problem is called, and what comes of the shipped ones."""

import os

import pytest

from dispatcher.config import Settings, load_profiles
from dispatcher.errors import ConfigError
from dispatcher.model import State
from tests.support.profiles import SHIPPED, written

MINE = """
description = "Mine"
body = '{"e":"$type","d":$data}'
"""


def loaded(folder, profile="standard"):
    return load_profiles(Settings.model_validate({"dispatch": {"profiles_dir": str(folder), "profile": profile}}))


def problems(folder, profile="standard") -> list[str]:
    with pytest.raises(ConfigError) as refused:
        loaded(folder, profile)
    return str(refused.value).splitlines()


def test_ten_lines_make_a_profile_and_leave_the_shipped_ones_there(tmp_path):
    profiles = loaded(written(tmp_path, mine=MINE), "mine")
    assert sorted(profiles.by_name) == sorted([*SHIPPED, "mine"])
    mine = profiles.get(None)
    assert (mine.name, mine.description, mine.origin) == ("mine", "Mine", str(tmp_path / "mine.toml"))


def test_one_of_a_shipped_name_stands_in_its_place(tmp_path):
    assert loaded(written(tmp_path, sydx=MINE)).get("sydx").description == "Mine"


def test_what_a_profile_leaves_out_is_as_in_standard(tmp_path):
    mine, standard = loaded(written(tmp_path, mine=MINE)).get("mine"), SHIPPED["standard"]
    for key in ("content_type", "signing", "needs_secret", "success", "api_key_header", "required", "initial_state",
                "strict", "overrides", "https_only", "unique_url", "event_types"):  # fmt: skip
        assert getattr(mine, key) == getattr(standard, key), key


def test_other_files_are_left_alone(tmp_path):
    (tmp_path / "README").write_text("mine")
    (tmp_path / "old.toml.bak").write_text("=")
    assert sorted(loaded(tmp_path).by_name) == sorted(SHIPPED)


SIGNED = MINE + "[signature]\n"
TYPED = MINE + "[[event_types]]\n"
SUCCESS = 'it must be "2xx", or a list of statuses from 200 to 299'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("body = '{}'", "description is missing"),
        ("description = 'x'", "body is missing"),
        ("=", "Invalid"),
        (MINE + "succes = [200]", "unknown key succes; did you mean success?"),
        (MINE + "[signature]\nshceme = 'none'", "unknown key signature.shceme; did you mean scheme?"),
        (MINE + "[endpoint]\ntimeout = 3", "unknown key endpoint.timeout; did you mean timeout_s?"),
        (MINE + "[url]\nhttps = true", "unknown key url.https; did you mean https_only?"),
        (TYPED + "name = 'a'\ndescription = 'x'", "event_types.1.example is missing"),
        (TYPED + "name = 'a'\ndescription = 'x'\nexample = '{'", "event_types.1.example is '{': it is not JSON"),
        (TYPED + "name = 'a'\ndescription = 'x'\nexample = 'NaN'", "event_types.1.example is 'NaN': it is not JSON"),
        (TYPED + f"name = 'a'\ndescription = 'x'\nexample = '{'[' * 9000}'", "example is"),
        (TYPED + "name = 'a b'\ndescription = 'x'\nexample = '1'", "event_types.1.name is 'a b': it is not words of"),
        (TYPED + "name = 'webhook.a'\ndescription = 'x'\nexample = '1'", "not below webhook."),
        (
            TYPED + "name = 'a'\ndescription = 'x'\nexample = '1'\n" * 1
            + "[[event_types]]\nname = 'a'\ndescription = 'x'\nexample = '1'",
            "event_types has a twice",
        ),
        ("description = 'x'\nbody = '[$data]'", "body: it is not a JSON object"),
        ("description = 'x'\nbody = '{\"a\":$dat}'", "body: unknown placeholder $dat; did you mean $data?"),
        ("description = ''\nbody = '{}'", "description is ''"),
        (MINE + "content_type = 'json'", "content_type is 'json': it is not a media type such as application/json"),
        (MINE + 'content_type = "a/b\\r\\nx: y"', "it is not a media type"),
        (MINE + "timestamp = 'days'", "timestamp is 'days'"),
        (MINE + "success = [302]", f"success is [302]: {SUCCESS}"),
        (MINE + "success = []", f"success is []: {SUCCESS}"),
        (MINE + "success = [true]", SUCCESS),
        (MINE + "success = '3xx'", f"success is '3xx': {SUCCESS}"),
        ("signature = 'github'\n" + MINE, "signature must be a table: write [signature] and its keys below"),
        ("event_types = 'a'\n" + MINE, "event_types must be a table: write [[event_types]] and its keys below"),
        (SIGNED + "scheme = 'none'\nsecret = 'required'", "scheme none signs nothing: secret and encoding go with"),
        (
            "api_key_header = 'Acme-Signature'\n" + SIGNED + "scheme = 'stripe'\nheader = 'acme-signature'",
            "api_key_header is acme-signature, which the signature is sent in",
        ),
        (MINE + "api_key_header = 'Host'", "api_key_header is 'Host': it is not the name of a header"),
        (MINE + "api_key_header = 'webhook-key'", "it is not the name of a header that a profile may set"),
        (MINE + "required = ['secret']", "required.1 is 'secret'"),
        (MINE + "initial_state = 'paused'", "initial_state is 'paused'"),
        (MINE + "strict = true", "strict goes with event_types"),
        (SIGNED + "scheme = 'hmac'", "signature.scheme is 'hmac'"),
        (SIGNED + "scheme = 'embedded'", "body: under scheme embedded it ends in"),
        (SIGNED + "encoding = 'hex'", "encoding goes with github, stripe and embedded"),
        (SIGNED + "header = 'X-Sig'", "header goes with github and stripe"),
        (SIGNED + "scheme = 'github'\nheader = 'X Sig'", "signature.header is 'X Sig': it is not the name of a header"),
        (SIGNED + "secret = 'never'", "signature.secret is 'never'"),
        (MINE + "[endpoint]\ntimeout_s = 1", "endpoint.timeout_s is 1: input should be greater than or equal to 2"),
        (MINE + "[endpoint]\nmax_attempts = 101", "endpoint.max_attempts is 101: input should be less than or equal"),
    ],
)  # fmt: skip
def test_a_problem_names_the_file_and_the_key(tmp_path, text, said):
    (problem, *more) = problems(written(tmp_path, mine=text))
    assert problem.startswith(f"{tmp_path / 'mine.toml'}: ")
    assert said in problem
    assert not more


def test_an_example_may_have_numbers_as_long_as_postgres_takes_them(tmp_path):
    text = TYPED + f"name = 'a'\ndescription = 'x'\nexample = '[{'9' * 5000}, 1e400]'"
    assert loaded(written(tmp_path, mine=text)).get("mine").event_types[0].example == f"[{'9' * 5000}, 1e400]"


def test_every_problem_of_every_file_is_said_at_once(tmp_path):
    one, two = tmp_path / "one.toml", tmp_path / "two.toml"
    found = problems(written(tmp_path, one="body = '{}'\nreqired = 1", two="description = 'x'"), "none")
    assert found[:3] == [
        f"{one}: description is missing",
        f"{one}: unknown key reqired; did you mean required?",
        f"{two}: body is missing",
    ]
    assert found[3].startswith("dispatch.profile is 'none': there is no such profile; ")


def test_a_default_that_is_not_there_is_said_with_the_nearest(tmp_path):
    assert problems(tmp_path, "manysend") == [
        "dispatch.profile is 'manysend': there is no such profile; did you mean manysends?"
    ]


def test_a_folder_that_is_not_there_is_said(tmp_path):
    (problem,) = problems(tmp_path / "gone")
    assert problem.startswith(f"dispatch.profiles_dir is '{tmp_path / 'gone'}': it must be a folder that can be read")


def test_what_is_no_file_or_cannot_be_read_to_its_end_is_said_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.toml")
    (tmp_path / "b.toml").mkdir()
    written(tmp_path, c=MINE + "x = " + "[" * 3000, d=MINE.replace('{"e"', '{"n":' + "[" * 2000 + "]" * 2000 + ',"e"'))
    written(tmp_path, e="#" * 4_000_001)
    found = problems(tmp_path)
    assert [line.removeprefix(str(tmp_path)).partition(":")[0] for line in found] == [f"/{x}.toml" for x in "abcde"]
    assert found[0].endswith("not a file; it must be a readable TOML file")
    assert "nested too deeply" in found[3]
    assert "larger than 4,000,000 bytes" in found[4]


@pytest.mark.parametrize("name", ["Mine", "1", "my profile", "a" * 64])
def test_a_profile_is_called_like_its_file(tmp_path, name):
    (tmp_path / f"{name}.toml").write_text(MINE)
    assert "a profile is called like its file" in problems(tmp_path)[0]


# What is shipped, against the contracts.


def test_seven_are_shipped():
    assert sorted(SHIPPED) == ["cloudevents", "context", "hellomateo", "madyis", "manysends", "standard", "sydx"]


@pytest.mark.parametrize(
    ("name", "types"),
    {"standard": 0, "madyis": 3, "manysends": 18, "context": 3, "hellomateo": 15, "sydx": 5, "cloudevents": 0}.items(),
)
def test_a_shipped_catalogue_is_whole(name, types):
    assert len(SHIPPED[name].event_types) == types


def test_no_shipped_profile_sets_the_backoff():
    assert {key for profile in SHIPPED.values() for key in profile.overrides} == {"timeout_s", "max_attempts"}


def test_only_manysends_begins_inactive_and_only_context_requires_a_name():
    assert [name for name in SHIPPED if SHIPPED[name].initial_state is State.INACTIVE] == ["manysends"]
    assert [name for name in SHIPPED if SHIPPED[name].required] == ["context"]
