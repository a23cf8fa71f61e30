"""All there is in schema `webhooks`."""

import re

from dispatcher.store.migrate import known
from tests.support.postgres import connected

CATALOG = """
select concat_ws(' ', 'column', c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
                 pg_get_expr(d.adbin, d.adrelid), a.attacl::text)
  from pg_attribute a
  join pg_class c on c.oid = a.attrelid
  left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
 where c.relnamespace = 'webhooks'::regnamespace and a.attnum > 0 and not a.attisdropped
union all
select concat_ws(' ', 'relation', relname, relkind, reloptions::text, relacl::text, pg_get_userbyid(relowner),
                 obj_description(oid, 'pg_class'), case relkind when 'v' then pg_get_viewdef(oid) end,
                 case when relkind in ('i', 'I') then pg_get_indexdef(oid) end)
  from pg_class where relnamespace = 'webhooks'::regnamespace
union all
select concat_ws(' ', 'constraint', conrelid::regclass, conname, pg_get_constraintdef(oid))
  from pg_constraint where connamespace = 'webhooks'::regnamespace
union all
select concat_ws(' ', 'function', pg_get_functiondef(oid), proacl::text)
  from pg_proc where pronamespace = 'webhooks'::regnamespace
union all
select concat_ws(' ', 'trigger', pg_get_triggerdef(t.oid))
  from pg_trigger t join pg_class c on c.oid = t.tgrelid
 where c.relnamespace = 'webhooks'::regnamespace and not tgisinternal
union all
select concat_ws(' ', 'schema', nspname, pg_get_userbyid(nspowner), nspacl::text)
  from pg_namespace where nspname = 'webhooks'
"""


async def catalog(database) -> list[str]:
    """All there is in the schema, as lines; the days are those of whenever it was made."""
    async with connected(database.superuser_dsn) as connection:
        rows = await connection.fetch(CATALOG)
    return sorted(re.sub(r"_\d{8}", "_DAY", row[0]) for row in rows)


async def recorded(database) -> list[str]:
    async with connected(database.superuser_dsn) as connection:
        rows = await connection.fetch("select number, name from webhooks.migrations order by number")
    return [f"{row['number']:04} {row['name']}" for row in rows]


async def made_up_to(database, number: int) -> None:
    """As an earlier version of dispatcher left it."""
    async with connected(database.dsn) as connection:
        for migration in known()[:number]:
            await connection.execute(migration.text)
            await connection.execute(migration.record)
