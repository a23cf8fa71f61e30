-- Of the named deliveries, those that somebody else is changing: a settle would wait for them, and all others with it.
--
-- $1  ids  int8[]

with free as materialized (
  select d.id from webhooks.deliveries d where d.id = any ($1::bigint[]) for update skip locked
)
select d.id from webhooks.deliveries d where d.id = any ($1) and d.id not in (select f.id from free f)
