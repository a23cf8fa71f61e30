"""What `dispatcher replay` refuses, and with which words."""

import pytest
import typer

from dispatcher.cli.instants import Instant
from dispatcher.cli.replaying.asked import Asked, Turn, refuse_contradiction
from tests.support.commands import typed
from tests.support.replaying import again, past

AGO = Instant.of("2h")
MISTYPED = {
    "nothing": (
        Asked(),
        Turn(),
        "--endpoint: it is missing: give --endpoint and --since, or --resume, --end or --list",
    ),
    "no since": (Asked(1), Turn(), "--since: it is missing"),
    "no endpoint": (Asked(since=AGO), Turn(), "--endpoint: it is missing"),
    "id too large": (Asked(2**63, AGO), Turn(), "--endpoint: 9223372036854775808 is no id"),
    "no pattern": (Asked(1, AGO, types=("a\udcff",)), Turn(), "--type: a pattern is words"),
    "two at once": (Asked(), Turn(resume=1, end=1), "--resume: it stands alone"),
    "resume with others": (Asked(since=AGO), Turn(resume=1), "--resume: it stands alone"),
    "list with others": (Asked(dry_run=True), Turn(show_list=True), "--list: it stands alone"),
}


@pytest.mark.parametrize(("asked", "turn", "said"), MISTYPED.values(), ids=MISTYPED)
def test_a_command_line_that_cannot_be_meant_is_refused(asked, turn, said):
    with pytest.raises(typer.BadParameter) as caught:
        refuse_contradiction(asked, turn)
    assert f"Invalid value for {said}" in caught.value.format_message()


@pytest.mark.parametrize("words", [["--endpoint", "1", "--since", "2m"], ["--resume", "1", "--list"]])
def test_what_is_mistyped_is_said_before_the_database_is_asked(words):
    done = typed("replay", *words, dsn="postgresql://nobody@localhost:1/nowhere")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith("; see: dispatcher replay --help\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--endpoint", "99", "--since", "1h", "--dry-run"], "there is no endpoint 99: webhooks.endpoint_status lists"),
        (["--endpoint", "1", "--since", "1h", "--type", "a b"], "types is empty or has a malformed pattern: at least"),
        (["--resume", "9"], "there is no replay 9: dispatcher replay --list has them"),
    ],
)
async def test_what_is_refused_is_said_in_the_words_of_the_schema(db, operator_dsn, words, said):
    await past(db, 1)
    done = typed("replay", *words, dsn=operator_dsn)
    assert (done.returncode, done.stdout) == (1, ""), done
    assert done.stderr.startswith(f"dispatcher: {said}")


async def test_roles_that_may_not_and_schemas_that_cannot_are_told_what_to_do(database, db):
    endpoint_id = await past(db, 1)
    nobody = typed(*again(endpoint_id), dsn=database.dsn_as("app_nobody"))
    assert (nobody.returncode, "grant webhooks_operator to app_nobody" in nobody.stderr) == (2, True)
    producer = typed(*again(endpoint_id), dsn=database.dsn_as("app_producer"))
    assert (producer.returncode, "permission denied" in producer.stderr) == (2, True)
    await db.execute("drop table webhooks.replays cascade")
    behind = typed(*again(endpoint_id), dsn=database.dsn)
    assert (behind.returncode, behind.stderr.endswith("lacks 0012 replays; run: dispatcher migrate\n")) == (2, True)
