-- Cancel open deliveries of an endpoint that answered 410 or is gone, a slice at a time, each with its recorded ending.
--
-- $1  endpoint  int8
-- $2  most      int4
-- $3  in_hand   int8[]  in flight or unsettled here: they are about to have an ending of their own

with cancelled as (
  delete from webhooks.deliveries d
   where d.id = any (array(
           (select x.id from webhooks.deliveries x
             where x.endpoint_id = $1::bigint and not x.test and x.id not in (select unnest($3::bigint[]))
             order by x.endpoint_id, x.due_at, x.id limit $2::int)
           union all
           -- A test goes out in any state, unless there is nowhere to go.
           (select x.id from webhooks.deliveries x
             where x.test and x.endpoint_id = $1 and x.id not in (select unnest($3))
               and not exists (select from webhooks.endpoints e where e.id = $1)
             order by x.id limit $2)))
     -- Activated in the meantime: then they are wanted again.
     and not exists (select from webhooks.endpoints e
                      where e.id = $1 and not (e.state = 'disabled' and e.state_reason = 'gone'))
  returning d.id, d.event_id, d.endpoint_id
), written as (
  insert into webhooks.attempts (delivery_id, event_id, endpoint_id, duration_ms, outcome, reason)
  select c.id, c.event_id, c.endpoint_id, 0, 'cancelled', 'cancelled' from cancelled c
)
select c.id, c.event_id from cancelled c
