"""`dispatcher event send`, `list`, `show`: as an application sends one, and as people look for it."""

import json
from uuid import UUID

import pytest

from dispatcher.store import events
from tests.support.commands import object_of, ran
from tests.support.daemon import daemon
from tests.support.sql import insert, subscribe

DATA = '{ "amount": 99.90,\n  "name": "\\u00e9é", "n": 1e400, "n": 2 }'


async def data_of(db) -> str:
    return await db.fetchval("select data::text from webhooks.events")


# --- send


async def test_what_is_sent_is_kept_to_the_byte(database, db, tmp_path):
    (tmp_path / "data.json").write_text(DATA)
    ways = {"typed": (DATA, b""), "a file": (f"@{tmp_path}/data.json", b""), "stdin": ("-", DATA.encode())}
    for data, stdin in ways.values():
        await db.execute("delete from webhooks.events")
        done = await ran("event", "send", "order.paid", data, dsn=database.dsn_as("app_producer"), stdin=stdin)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == f"evt_{(await db.fetchval('select id from webhooks.events')).hex}\n"
        assert await data_of(db) == DATA


async def test_all_that_an_event_has_can_be_given(database, db):
    words = ["event", "send", "order.paid", "1", "--tenant", "acme", "--key", "order-42", "--context", '{"by": 7}']
    first = await object_of(*words, "--occurred-at", "2026-01-02T03:04:05Z", dsn=database.dsn)
    assert first == await object_of(*words, dsn=database.dsn), "once under its key"
    row = await db.fetchrow("select *, context::text as said from webhooks.events")
    assert (str(row["id"]), first["webhook_id"]) == (first["event_id"], f"evt_{row['id'].hex}")
    assert (row["tenant"], row["key"], row["said"]) == ("acme", "order-42", '{"by": 7}')
    assert row["occurred_at"].isoformat() == "2026-01-02T03:04:05+00:00"
    assert (first["matched"], first["deliveries"]) == (None, None)


REFUSED = {
    "ours": (["webhook.ping", "1"], 1, "types that begin with webhook. are reserved; choose another first word"),
    "no type": (["a b", "1"], 1, "type is malformed; allowed: words of "),
    "no json": (["a", "{"], 1, "data is not JSON: invalid input syntax for type json; allowed: one JSON value"),
    "no tenant": (["a", "1", "--tenant", "t" * 257], 1, "tenant is null or too long; allowed: at most 256 bytes"),
    "long ago": (["a", "1", "--occurred-at", "1960-01-01"], 1, "occurred_at is null or out of range"),
    "no context": (["a", "1", "--context", "{"], 2, "--context: it is not JSON"),
    "no file": (["a", "@/nonexistent"], 2, "DATA: /nonexistent: No such file"),
    "twice": (["a", "-", "--context", "-"], 2, "read once"),
    "too long": (["a", "-"], 2, "longer than 1,000,000 bytes"),
}


@pytest.mark.parametrize(("words", "code", "said"), REFUSED.values(), ids=REFUSED)
async def test_what_is_refused_is_said_in_the_schema_s_words(database, words, code, said):
    done = await ran("event", "send", *words, dsn=database.dsn, stdin=b"1" * 1_000_001)
    assert (done.returncode, done.stdout) == (code, "")
    (line,) = done.stderr.splitlines()
    assert said in line


async def test_who_may_not_send_is_told_what_to_grant(database):
    done = await ran("event", "send", "a", "1", dsn=database.dsn_as("app_operator"))
    assert done.returncode == 2
    assert done.stderr.endswith("run: grant webhooks_producer to app_operator\n")


async def test_it_waits_for_every_ending(database, db, receiver):
    well, _ = await subscribe(db, receiver.url("/well"), "{order.*}")
    ill, _ = await subscribe(db, receiver.url("/ill"), "{order.late}", max_attempts=1)
    receiver.always(503, "/ill")
    words = ["event", "send", "--wait", "--timeout", "30"]
    async with daemon(database.dsn):
        done = await ran(*words, "order.paid", "1", dsn=database.dsn)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.splitlines()[1:] == [f"delivery 1 to endpoint {well}: delivered 200"]
        done = await ran(*words, "order.late", "1", dsn=database.dsn)
        assert (done.returncode, done.stderr) == (1, "")
        assert sorted(line.partition(" to ")[2] for line in done.stdout.splitlines()[1:]) == [
            f"endpoint {well}: delivered 200", f"endpoint {ill}: dead 503",
        ]  # fmt: skip
        unwanted = await object_of(*words, "user.made", "1", dsn=database.dsn)
        assert (unwanted["matched"], unwanted["deliveries"]) == (0, [])
        receiver.hang("/well")
        late = await ran("event", "send", "order.paid", "1", "--wait", "--timeout", "0.5", dsn=database.dsn)
        assert late.returncode == 1
        assert late.stdout.splitlines()[-1] == f"delivery 4 to endpoint {well}: pending when time was up"
        receiver.let_go("/well")


async def test_where_nobody_would_deliver_it_is_not_waited_for(database, db):
    done = await ran("event", "send", "a", "1", "--wait", dsn=database.dsn)
    assert (done.returncode, done.stdout) == (1, "")
    assert "no dispatcher holds the work" in done.stderr
    assert await db.fetchval("select count(*) from webhooks.events") == 0


# --- list


async def test_the_newest_is_first_and_short_pages_are_gone_over(database, db, monkeypatch):
    monkeypatch.setattr(events, "LOOKED", 3)
    ids = sorted(row["id"] for row in await db.fetch("select webhooks.uuidv7() as id from generate_series(1, 20)"))
    for n, id_ in enumerate(ids):
        await insert(db, "rare" if n % 5 == 0 else "order.paid", tenant="ab"[n % 2], id=id_)
    await db.execute("insert into webhooks.fanouts (event_id, matched) values ($1, 2)", ids[-1])

    async def listed(*words: str) -> list[str]:
        made = await object_of("event", "list", *words, dsn=database.dsn_as("app_operator"))
        return [row["event_id"] for row in made["data"]]

    newest = list(map(str, reversed(ids)))
    assert await listed() == newest
    assert await listed("--type", "rare", "--limit", "3") == newest[4:15:5]
    assert await listed("--tenant", "a", "--type", "order.*") == [str(ids[n]) for n in range(18, 0, -2) if n % 5]
    assert await listed("--since", "1h", "--until", "2020-01-01") == []
    first = await object_of("event", "list", "--limit", "7", dsn=database.dsn)
    assert first["next"] == first["data"][-1]["webhook_id"]
    assert await listed("--after", first["next"]) == newest[7:]
    lines = (await ran("event", "list", "--limit", "2", dsn=database.dsn)).stdout.splitlines()
    assert lines[0].split() == ["event", "type", "tenant", "occurred", "matched"]
    assert lines[1].split()[0] == f"evt_{ids[-1].hex}"
    assert lines[1].split()[-1] == "2"
    assert lines[2].split()[-1] == "waits"
    assert lines[3].endswith(f"--after evt_{ids[-2].hex}")


async def test_no_event_is_no_error(database):
    done = await ran("event", "list", dsn=database.dsn)
    assert (done.returncode, done.stdout) == (0, "none\n")


# --- show


async def test_one_is_shown_as_it_is_stored_with_where_it_went(database, db):
    endpoint_id, _ = await subscribe(db, "https://example.com/hook", tenant="acme")
    event = await insert(db, "order.paid", DATA, tenant="acme", key="k")
    await db.execute("insert into webhooks.deliveries (event_id, endpoint_id) values ($1, $2)", event, endpoint_id)
    await db.execute("insert into webhooks.fanouts (event_id, matched) values ($1, 1)", event)
    for name in (str(event), event.hex, f"evt_{event.hex}"):
        done = await ran("event", "show", name, dsn=database.dsn)
        assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == f"event evt_{event.hex}  order.paid"
    first, second = DATA.split("\n")
    assert f"data       {first}" in lines
    assert f"{' ' * 11}{second}" in lines
    assert "key        k" in lines
    assert lines[-1].split()[:6] == ["1", f"evt_{event.hex}", "order.paid", str(endpoint_id), "acme", "pending"]
    made = await ran("event", "show", str(event), "--json", dsn=database.dsn)
    (line,) = made.stdout.splitlines()
    assert DATA.replace("\n", " ") in line
    shown = json.loads(line)
    assert (shown["data"]["name"], shown["matched"], len(shown["deliveries"])) == ("éé", 1, 1)
    pretty = await ran("event", "show", str(event), "--pretty", dsn=database.dsn)
    assert '             "amount": 99.90,' in pretty.stdout.splitlines()


async def test_an_operator_sees_all_but_what_is_in_it(database, db):
    event = await insert(db, "order.paid", '{"card": "hidden"}')
    done = await ran("event", "show", str(event), dsn=database.dsn_as("app_operator"))
    assert (done.returncode, done.stderr) == (0, "")
    assert "hidden" not in done.stdout
    assert "role app_operator may not read it: the owner of schema webhooks may" in done.stdout
    made = await object_of("event", "show", str(event), dsn=database.dsn_as("app_operator"))
    assert (made["data"], made["withheld"] is None) == (None, False)


async def test_one_that_is_not_there_is_said(database):
    done = await ran("event", "show", str(UUID(int=7)), dsn=database.dsn)
    assert (done.returncode, done.stderr) == (1, f"dispatcher: there is no event {UUID(int=7)}\n")


async def test_data_that_would_command_a_terminal_does_not(database, db):
    event = await insert(db, "order.paid", json.dumps("\u202e\x9b2J", ensure_ascii=False))
    for words in ([], ["--pretty"]):
        done = await ran("event", "show", str(event), *words, dsn=database.dsn)
        assert "\\u202e\\x9b2J" in done.stdout
        assert not set(done.stdout) & set("\u202e\x9b")
