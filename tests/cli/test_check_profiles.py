"""`dispatcher check` on profiles: can they be read, and are those there that endpoints name?"""

import pytest

from tests.support.checks import checked
from tests.support.commands import typed
from tests.support.postgres import change_past_the_trigger
from tests.support.profiles import written
from tests.support.sql import subscribe


async def test_it_says_how_many_are_loaded_and_which_is_the_default(database, tmp_path):
    assert checked(database.dsn)["profiles"] == ("ok", "7 loaded, standard is the default")
    folder = written(tmp_path, mine="description = 'Mine'\nbody = '{}'")
    found = checked(database.dsn, dispatch__profiles_dir=str(folder), dispatch__profile="mine")
    assert found["profiles"] == ("ok", "8 loaded, mine is the default")


async def test_every_problem_of_their_files_is_said_and_the_rest_is_looked_at_all_the_same(database, tmp_path):
    folder = written(tmp_path, one="body = '{}'", two="description = 'Two'")
    grade, said = checked(database.dsn, dispatch__profiles_dir=str(folder))["profiles"]
    assert grade == "failed"
    assert said == f"{folder / 'one.toml'}: description is missing; {folder / 'two.toml'}: body is missing"


async def test_one_that_endpoints_name_and_nobody_loads_fails(database, db):
    await subscribe(db, "https://example.com/hook", profile="sydx")
    await subscribe(db, "https://example.com/hook")
    await change_past_the_trigger(database, "update webhooks.endpoints set profile = 'gone' where profile = 'sydx'")
    grade, said = checked(database.dsn)["profiles"]
    assert grade == "failed"
    assert said.startswith("gone is not loaded, and 1 endpoint names it they are sent nothing until its file is in")


STRICT = """
description = 'Mine'
body = '{"d":$data}'
strict = true
[[event_types]]
name = "a.b"
description = "One."
example = '%s'
"""


@pytest.mark.parametrize("profile", [None, "mine"])
async def test_a_catalogue_that_is_not_installed_or_is_another_is_for_profile_install(database, db, tmp_path, profile):
    given = {"dispatch__profiles_dir": written(tmp_path, mine=STRICT % 1), "dispatch__profile": "mine"}
    typed("migrate", dsn=database.dsn, **given)
    assert checked(database.dsn, **given)["profiles"][0] == "ok", "nobody uses it"
    await db.execute("update webhooks.profiles set is_default = name = 'mine'")
    await subscribe(db, "https://example.com/hook", profile=profile)
    grade, said = checked(database.dsn, **given)["profiles"]
    assert grade == "warning"
    assert said == (
        "mine is strict, 1 endpoint of it, and its catalogue is not installed run dispatcher profile install mine"
    )
    typed("profile", "install", "mine", dsn=database.dsn, **given)
    assert checked(database.dsn, **given)["profiles"] == ("ok", "8 loaded, mine is the default")
    written(tmp_path, mine=STRICT % 2)
    grade, said = checked(database.dsn, **given)["profiles"]
    assert grade == "warning"
    assert said.startswith("the catalogue of mine that is installed differs from its file: a.b run dispatcher profile")


async def test_without_a_schema_the_files_are_read_all_the_same(cluster):
    async with cluster.database(migrated=False) as empty:
        assert checked(empty.dsn)["profiles"] == ("ok", "7 loaded, standard is the default")
