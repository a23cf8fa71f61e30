-- The one inbox row that a fan-out of one event would take.
--
-- $1  after  text    the tenant served last
-- $2  low    int8
-- $3  aside  int8[]

select x.id, x.event_id, x.tenant, x.type
  from (
    (select i.id, i.event_id, i.tenant, i.type, 1 as turn from webhooks.inbox i
      where i.tenant > $1::text and i.id > $2::bigint and i.id <> all ($3::bigint[]) order by i.tenant, i.id limit 1)
    union all
    (select i.id, i.event_id, i.tenant, i.type, 2 from webhooks.inbox i
      where i.tenant <= $1 and i.id > $2 and i.id <> all ($3) order by i.tenant, i.id limit 1)
  ) x
 order by x.turn
 limit 1
