"""`dispatcher endpoint show`: every setting and where it is from, how it stands, and what to do about it."""

import pytest

from tests.support.commands import object_of, ran
from tests.support.profiles import written
from tests.support.refusals import API_KEY, HEADERS, SECRET
from tests.support.sql import subscribe

URL = "https://example.com/hook?token=shown"


async def shown(database, endpoint_id: int, **settings: object) -> list[str]:
    done = await ran("endpoint", "show", str(endpoint_id), dsn=database.dsn, **settings)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


async def test_every_setting_is_shown_with_where_it_is_from(database, db, tmp_path):
    written(tmp_path, own="description = 'ours'\nbody = '{\"data\":$data}'\n[endpoint]\nmax_attempts = 3\n")
    await db.execute("insert into webhooks.profiles (name) values ('own')")
    endpoint_id, _ = await subscribe(
        db, URL, "{order.*,a}", tenant="acme", name="ERP", profile="own", timeout_s=2.5, secret=SECRET,
        api_key=API_KEY, headers=HEADERS, rate_limit=0.5, ordered=True, filter="$.a > 1",
    )  # fmt: skip
    settings = {"dispatch__profiles_dir": tmp_path, "endpoint__max_in_flight": 5}
    lines = await shown(database, endpoint_id, **settings)
    assert lines[0] == f"endpoint {endpoint_id}  ERP"
    said = {line[:15].strip(): line[15:] for line in lines if line[:15].strip()}
    assert said["url"] == URL
    assert said["timeout_s"].split(maxsplit=1) == ["2.5", "its own"]
    assert said["max_in_flight"].split() == ["5", "DISPATCHER_ENDPOINT__MAX_IN_FLIGHT"]
    assert said["max_attempts"].split(maxsplit=1) == ["3", "profile own"]
    assert [said[each] for each in ("tenant", "profile", "rate_limit", "ordered", "api_key", "headers", "last")] == [
        "acme", "own", "0.5 a second", "yes", "set", "authorization", "never",
    ]  # fmt: skip
    assert [line[15:] for line in lines if line.startswith("type ")] == [
        'a  where ($."a" > 1)', 'order.*  where ($."a" > 1)',
    ]  # fmt: skip
    made = await object_of("endpoint", "show", str(endpoint_id), dsn=database.dsn, **settings)
    assert made["settings"]["max_attempts"] == {"value": 3, "source": "profile own"}
    assert made["subscriptions"][0] == {"pattern": "a", "filter": '($."a" > 1)'}
    for text in ("\n".join(lines), str(made)):
        assert "hidden" not in text
        assert SECRET not in text


STANDING = {
    "inactive": ("state = 'inactive'", ["test", "activate"]),
    "paused": ("state = 'paused'", ["resume"]),
    "gone": ("state = 'disabled', state_reason = 'gone'", ["test", "activate", "list"]),
    "a bad url": ("state = 'disabled', state_reason = 'invalid_url'", ["update", "test", "activate"]),
    "parked": ("parked_until = now() + interval '1 h', failing_since = now() - interval '2 h'", ["test", "list"]),
    "well": ("state = 'active'", []),
}


@pytest.mark.parametrize(("change", "next_"), STANDING.values(), ids=STANDING)
async def test_what_to_type_next_is_said_where_something_is_wrong(database, db, change, next_):
    endpoint_id, _ = await subscribe(db, URL)
    await db.execute(f"update webhooks.endpoints set {change}")
    lines = await shown(database, endpoint_id)
    advised = [line.split()[1:] for line in lines if line.startswith("next ")]
    assert [words[2] for words in advised] == next_
    assert all(str(endpoint_id) in words for words in advised)
    assert len((await object_of("endpoint", "show", str(endpoint_id), dsn=database.dsn))["advice"]) == len(next_)


async def test_its_latest_deliveries_are_shown(database, db):
    endpoint_id, _ = await subscribe(db, URL)
    await db.execute(
        "insert into webhooks.attempts (delivery_id, event_id, endpoint_id, attempt, duration_ms, status, outcome, "
        "reason) select n, webhooks.uuidv7(), $1, 1, 5, 503, 'dead', 'http_503' from generate_series(1, 9) n",
        endpoint_id,
    )
    lines = await shown(database, endpoint_id)
    assert len([line for line in lines if " dead " in line and "503" in line and line.strip()[0].isdigit()]) == 5


async def test_a_profile_that_is_not_loaded_here_is_no_riddle(database, db):
    await db.execute("insert into webhooks.profiles (name) values ('theirs')")
    endpoint_id, _ = await subscribe(db, URL, profile="theirs")
    lines = await shown(database, endpoint_id)
    assert "max_attempts   unknown   profile theirs, which is not loaded here" in lines
