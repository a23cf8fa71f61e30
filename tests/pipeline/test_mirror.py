"""The mirror of the profile files: there when the work is taken, and mended where somebody wrote another."""

from tests.support.eventually import eventually
from tests.support.postgres import connected
from tests.support.profiles import written

DEFAULT = "select name from webhooks.profiles where is_default"
MINE = "description = 'Mine'\nbody = '{\"d\":$data}'\n"


async def test_profiles_of_ones_own_are_known_to_sql_when_the_work_is_taken(running, db, tmp_path):
    folder = str(written(tmp_path, mine=MINE))
    async with running(dispatch__profiles_dir=folder, dispatch__profile="mine"):
        assert await db.fetchval(DEFAULT) == "mine"


async def test_what_somebody_else_wrote_is_written_over(running, db):
    async with running() as dispatcher:
        await db.execute("update webhooks.profiles set is_default = (name = 'sydx')")

        async def is_mended() -> bool:
            dispatcher._stages.bells["mirror"].ring()
            return await db.fetchval(DEFAULT) == "standard"

        await eventually(is_mended)


async def test_a_lock_on_them_does_not_keep_a_dispatcher_from_the_work(running, db, database):
    await db.execute("update webhooks.profiles set description = 'another' where name = 'sydx'")
    async with connected(database.dsn) as other:
        await other.execute("begin; select * from webhooks.profiles for update")
        async with running():
            await other.execute("rollback")
            told = "select description <> 'another' from webhooks.profiles where name = 'sydx'"
            await eventually(lambda: db.fetchval(told))
