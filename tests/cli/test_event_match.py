"""`dispatcher event match`: who would get it, and why the others would not; as a fan-out decides."""

import asyncio
import json
import sys

import pytest
import typer

from dispatcher.cli.matching import Wanted
from dispatcher.cli.matching.judge import judge
from dispatcher.pipeline.filters import TRY_S
from dispatcher.store.matching import Matcher
from dispatcher.store.session import PLANS, Login, Session
from tests.support.commands import ran, told_here
from tests.support.daemon import environment
from tests.support.sql import insert, subscribe
from tests.support.stages import fan_out

URL = "https://example.com/hook?token=hidden"
DATA = '{"amount": 250, "currency": "EUR", "s": "x"}'


async def asked(dsn: str, data: str = DATA, tenant: str = "") -> dict[int, tuple[bool, str | None]]:
    """Of each endpoint, whether it would get it, and why not."""
    wanted = Wanted.of("order.paid", data, tenant, None)
    found = await Matcher(Login(dsn), TRY_S).ask(wanted.event_type, wanted.data, wanted.tenant, wanted.endpoint_id)
    judged = [judge(row, found.said) for row in found.endpoints]
    return {each.endpoint_id: (each.matched, each.why) for each in judged}


async def test_each_reason_is_said(database, db):
    async def made(types: str = "{order.*}", state: str = "active", **given: object) -> int:
        endpoint_id, _ = await subscribe(db, URL, types, **given)
        await db.execute("update webhooks.endpoints set state = $2 where id = $1", endpoint_id, state)
        return endpoint_id

    expected = {
        await made(): (True, None),
        await made(filter="$.amount > 100"): (True, None),
        await made(state="paused"): (True, None),
        await made(filter="$.amount > 1000"): (False, "filter says no"),
        await made(filter="$.missing.deep == 1"): (False, "filter says no"),
        await made("{order,orders.*,order.paid.late}"): (False, "no pattern matches"),
        await made(state="inactive"): (False, "inactive"),
        await made(state="disabled"): (False, "disabled"),
    }
    theirs = await made(tenant="acme")
    assert await asked(database.dsn) == expected
    assert await asked(database.dsn, tenant="acme") == {theirs: (True, None)}
    _, told_all = await told_here("event", "match", "order.paid", DATA, dsn=database.dsn)
    assert (told_all["matched"], told_all["held"], told_all["of_other_tenants"]) == (3, 1, 1)
    assert [each["matched"] for each in told_all["endpoints"]] == [True] * 3 + [False] * 5, "the matching first"
    assert "hidden" not in json.dumps(told_all)
    assert await db.fetchval("select count(*) from webhooks.events") == 0


async def test_of_several_subscriptions_one_is_enough(database, db):
    endpoint_id, _ = await subscribe(db, URL, "{order.paid}", filter="$.amount > 1000")
    assert await asked(database.dsn) == {endpoint_id: (False, "filter says no")}
    await db.execute(
        "insert into webhooks.subscriptions (endpoint_id, pattern, filter) values ($1, 'order.*', '$.amount > 100')",
        endpoint_id,
    )
    assert await asked(database.dsn) == {endpoint_id: (True, None)}


DATAS = {
    "an object": DATA,
    "below": '{"amount": 1}',
    "a string for a number": '{"amount": "250"}',
    "twice": '{"amount": 1, "amount": 250}',
    "a list": "[250]",
    "no jsonb": '{"amount": 250, "s": "\\u0000"}',
    "a lone surrogate": '{"amount": 250, "s": "\\ud800"}',
    "large": '{"amount": 1e400}',
    "too large for a jsonb": '{"amount": 1e999999}',
    "null": "null",
}
FILTERS = ["$.amount > 100", "strict $.amount > 100", '$.currency == "EUR"', "exists($[*])", "$.amount.double() > 1"]


@pytest.mark.parametrize("data", DATAS.values(), ids=DATAS)
async def test_it_says_what_a_fan_out_does(database, db, data):
    for text in FILTERS:
        await subscribe(db, URL, "{order.*}", filter=text)
    said = {endpoint_id for endpoint_id, (matched, _) in (await asked(database.dsn, data)).items() if matched}
    await insert(db, "order.paid", data)
    session = Session(Login(database.dsn, settings=PLANS), "test")
    await fan_out(session)
    await session.close()
    assert said == {row["endpoint_id"] for row in await db.fetch("select endpoint_id from webhooks.deliveries")}


async def test_a_filter_that_takes_too_long_spoils_only_its_own_row(database, db):
    quick = [(await subscribe(db, URL, "{*}", filter=f"$.n > {n}"))[0] for n in range(5)]
    slow, _ = await subscribe(db, URL, "{*}", filter="exists($.a[*] ? (@ == $.b[*]))")
    data = json.dumps({"n": 3, "a": [0] * 20_000, "b": [1] * 20_000})
    found = await asked(database.dsn, data)
    assert found.pop(slow) == (False, "filter takes too long on this data")
    assert [found[endpoint_id] for endpoint_id in quick] == [(True, None)] * 3 + [(False, "filter says no")] * 2


async def test_data_that_is_no_jsonb_is_no_match_for_filters_and_fine_without(database, db):
    plain, _ = await subscribe(db, URL, "{*}")
    filtered, _ = await subscribe(db, URL, "{*}", filter="exists($)")
    found = await asked(database.dsn, '"\\u0000"')
    assert found == {plain: (True, None), filtered: (False, "filter cannot be evaluated on this data")}


async def test_one_endpoint_is_explained(database, db):
    await subscribe(db, URL, "{*}")
    endpoint_id, _ = await subscribe(db, URL, "{order.*,other}", name="ERP", filter="$.amount > 1000")
    done = await ran("event", "match", "order.paid", DATA, "--endpoint", str(endpoint_id), dsn=database.dsn)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        f"endpoint {endpoint_id} would not get order.paid: filter says no",
        "endpoint  ERP (https://example.com/hook), active",
        "patterns  order.*",
        'filter    ($."amount" > 1000)  no',
    ]
    missing = await ran(
        "event", "match", "order.paid", DATA, "--endpoint", str(endpoint_id), "--tenant", "b", dsn=database.dsn
    )
    assert (missing.returncode, missing.stdout) == (1, "")
    assert f"tenant 'b' has no endpoint {endpoint_id}" in missing.stderr


async def test_one_that_is_disabled_says_why(database, db):
    endpoint_id, _ = await subscribe(db, URL)
    other, _ = await subscribe(db, URL)
    await db.execute("update webhooks.endpoints set state = 'disabled'")
    await db.execute("update webhooks.endpoints set state_reason = 'invalid_url' where id = $1", endpoint_id)
    one = await ran("event", "match", "order.paid", DATA, "--endpoint", str(endpoint_id), dsn=database.dsn)
    assert one.stdout.splitlines()[1] == "endpoint  https://example.com/hook, disabled: invalid_url"
    all_of_them = await ran("event", "match", "order.paid", DATA, dsn=database.dsn)
    assert f"2  disabled: {endpoint_id} (invalid_url), {other}" in all_of_them.stdout
    _, made = await told_here("event", "match", "order.paid", DATA, dsn=database.dsn)
    assert [each["state_reason"] for each in made["endpoints"]] == ["invalid_url", None]


async def test_of_thousands_the_matching_come_first_and_the_others_by_their_reason(database, db):
    await db.execute(
        "insert into webhooks.endpoints (url) select 'https://example.com/' || n from generate_series(1, 3000) n"
    )
    await db.execute(
        "insert into webhooks.subscriptions (endpoint_id, pattern, filter) "
        "select id, case when id % 10 = 0 then 'order.*' else 'user.*' end, "
        "case when id % 20 = 0 then format('$.amount > %s', id)::jsonpath end from webhooks.endpoints"
    )
    await db.execute("update webhooks.endpoints set state = 'paused' where id = 10")
    done = await ran("event", "match", "order.paid", DATA, dsn=database.dsn)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "162 of 3,000 endpoints would get order.paid"
    assert lines[2].split() == ["endpoint", "url"]
    assert lines[3].split() == ["10", "https://example.com/10", "paused:", "held", "until", "it", "is", "resumed"]
    assert lines[53] == "and 112 more: --json has them all"
    assert "   2,700  no pattern matches: 1, 2, 3, 4, 5, 6, 7, 8, 9, 11 and 2,690 more" in lines
    assert "     138  filter says no: 260, 280, 300, 320, 340, 360, 380, 400, 420, 440 and 128 more" in lines
    assert len(await asked(database.dsn)) == 3000


async def test_an_operator_may_ask_and_others_may_not(database, db):
    endpoint_id, _ = await subscribe(db, URL, "{order.*}", filter="$.amount > 100")
    assert await asked(database.dsn_as("app_operator")) == {endpoint_id: (True, None)}
    done = await ran("event", "match", "order.paid", DATA, dsn=database.dsn_as("app_nobody"))
    assert (done.returncode, done.stdout) == (2, "")
    assert "role app_nobody may not look; run: grant webhooks_operator to app_nobody" in done.stderr


async def test_without_the_schema_it_says_to_migrate(cluster):
    async with cluster.database(migrated=False) as empty:
        done = await ran("event", "match", "order.paid", DATA, dsn=empty.dsn)
    assert (done.returncode, done.stderr) == (2, "dispatcher: schema webhooks is not there; run: dispatcher migrate\n")


async def test_data_may_be_a_file_or_what_comes_in(database, db, tmp_path):
    endpoint_id, _ = await subscribe(db, URL, "{*}", filter="$.amount == 99.90")
    (tmp_path / "data.json").write_text('{"amount": 99.90}')
    assert await asked(database.dsn, f"@{tmp_path / 'data.json'}") == {endpoint_id: (True, None)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "dispatcher", "event", "match", "a", "-", "--json", env=environment(database.dsn),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, _ = await process.communicate(b'{"amount": 99.9}')
    assert json.loads(said)["matched"] == 1


async def test_json_that_python_cannot_read_is_for_postgres_to_judge(database, db, tmp_path):
    endpoint_id, _ = await subscribe(db, URL, "{*}")
    (tmp_path / "deep").write_text("[" * 5000 + "]" * 5000)
    (tmp_path / "long").write_text("9" * 10_000)
    for name in ("deep", "long"):
        assert await asked(database.dsn, f"@{tmp_path / name}") == {endpoint_id: (True, None)}


REFUSED = {
    "type": (["order..paid", "1"], "TYPE", "such as order.paid"),
    "long type": (["a" * 129, "1"], "TYPE", "at most 128 bytes"),
    "ours": (["webhook.ping", "1"], "TYPE", "reserved"),
    "no json": (["a", "{order: 42}"], "DATA", "it is not JSON"),
    "nan": (["a", '{"n": NaN}'], "DATA", "NaN is no JSON"),
    "nothing": (["a", ""], "DATA", "it is not JSON"),
    "no file": (["a", "@/nonexistent"], "DATA", "/nonexistent: No such file or directory"),
    "tenant": (["a", "1", "t" * 257], "--tenant", "256 bytes"),
    "no text": (["a", "\udcff"], "DATA", "it is not UTF-8"),
    "no path": (["a", "@a\x00b"], "DATA", "no path"),
}


@pytest.mark.parametrize(("words", "field", "remedy"), REFUSED.values(), ids=REFUSED)
def test_what_no_event_could_be_is_refused_by_its_field(words, field, remedy):
    event_type, data, *tenant = words
    with pytest.raises(typer.BadParameter) as refused:
        Wanted.of(event_type, data, *(tenant or [""]), None)
    assert refused.value.param_hint == field
    assert remedy in refused.value.message


async def test_data_that_is_too_long_is_refused(tmp_path):
    (tmp_path / "data.json").write_text('"' + "é" * 500_000 + '"')
    done = await ran("event", "match", "a", f"@{tmp_path / 'data.json'}", dsn="postgresql://app@localhost/app")
    assert (done.returncode, done.stdout) == (2, "")
    assert "DATA: it is longer than 1,000,000 bytes; see: dispatcher event match --help" in done.stderr
