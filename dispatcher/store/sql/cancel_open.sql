-- Cancel open deliveries of an endpoint that answered 410 or is gone, a slice at a time, each with its recorded ending.
--
-- $1  endpoint  int8
-- $2  most      int4
-- $3  in_hand   int8[]  in flight or unsettled here: they are about to have an ending of their own

with held as materialized (
  select d.id from webhooks.deliveries d
   where d.endpoint_id = $1::bigint and not d.test and d.id not in (select unnest($3::bigint[]))
   order by d.endpoint_id, d.due_at, d.id
   limit $2::int
     for update skip locked
), tests as materialized (
  -- A test goes out in any state, unless there is nowhere to go.
  select d.id from webhooks.deliveries d
   where d.test and d.endpoint_id = $1 and d.id not in (select unnest($3))
     and not exists (select from webhooks.endpoints e where e.id = $1)
   order by d.endpoint_id, d.id
   limit $2
     for update skip locked
), cancelled as (
  delete from webhooks.deliveries d
   where d.id = any (array(select id from held union all select id from tests))
     -- Activated in the meantime: then they are wanted again.
     and not exists (select from webhooks.endpoints e
                      where e.id = $1 and not (e.state = 'disabled' and e.state_reason = 'gone'))
  returning d.id, d.event_id, d.endpoint_id
), written as (
  insert into webhooks.attempts (delivery_id, event_id, endpoint_id, duration_ms, outcome, reason)
  select c.id, c.event_id, c.endpoint_id, 0, 'cancelled', 'cancelled' from cancelled c
)
select c.id, c.event_id from cancelled c
