-- Look at a slice of what an endpoint at rest holds: what has been held for too long ends, with a recorded outcome.
-- Returns where the slice ended, and how many expired.
--
-- $1  endpoint  int8
-- $2  due_at    timestamptz  behind this one ...
-- $3  id        int8         ... in the order of the lane
-- $4  most      int4
-- $5  hold_s    float8       counted from the later of the delivery's creation and the endpoint's coming to rest
-- $6  in_hand   int8[]       in flight or unsettled here: they are about to have an ending of their own
-- $7  epoch     int8         ours; under another's there is nothing to be found

with looked as materialized (
  select d.id, d.due_at,
         d.created_at <= now() - $5::float8 * interval '1 s' and d.id not in (select unnest($6::bigint[])) as is_old
    from webhooks.deliveries d
   where d.endpoint_id = $1::bigint and not d.test and (d.due_at, d.id) > ($2::timestamptz, $3::bigint)
   order by d.endpoint_id, d.due_at, d.id
   limit $4::int
), resting as materialized (
  -- Locked: whoever resumes it this instant is waited for by nobody, and whoever has is seen.
  select e.id from webhooks.endpoints e
   where e.id = $1 and e.state <> 'active' and not (e.state = 'disabled' and e.state_reason is not distinct from 'gone')
     and e.state_at <= now() - $5 * interval '1 s'
     and (select bool_or(l.is_old) from looked l)
     and exists (select from webhooks.holder h where h.is_one and h.epoch = $7::bigint)
     for share skip locked
), old as materialized (
  select d.id from webhooks.deliveries d
   where d.id = any (array(select l.id from looked l where l.is_old and exists (select from resting)))
     for update skip locked
), expired as (
  delete from webhooks.deliveries d where d.id = any (array(select id from old))
  returning d.id, d.event_id, d.endpoint_id
), written as (
  insert into webhooks.attempts (delivery_id, event_id, endpoint_id, duration_ms, outcome, reason)
  select x.id, x.event_id, x.endpoint_id, 0, 'expired', 'expired' from expired x
)
select (select count(*) from expired) as expired, l.due_at, l.id
  from looked l
 order by l.due_at desc, l.id desc
 limit 1
