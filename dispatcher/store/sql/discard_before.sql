-- Drop what the original of this copy has done already, a slice at a time, each with its recorded ending: deliveries made,
-- and events inserted, before that instant. Returns how many there were.
--
-- $1  instant  timestamptz
-- $2  most     int4

with old as materialized (
  select d.id from webhooks.deliveries d where d.created_at < $1::timestamptz order by d.id limit $2::int
), cancelled as (
  delete from webhooks.deliveries d where d.id in (select id from old)
  returning d.id, d.event_id, d.endpoint_id
), written as (
  insert into webhooks.attempts (delivery_id, event_id, endpoint_id, duration_ms, outcome, reason)
  select c.id, c.event_id, c.endpoint_id, 0, 'cancelled', 'cancelled' from cancelled c
), unfanned as materialized (
  select i.tenant, i.id from webhooks.inbox i
   where i.event_id < webhooks.uuid_floor($1) order by i.tenant, i.id limit $2
), taken as (
  delete from webhooks.inbox i using unfanned u where i.tenant = u.tenant and i.id = u.id
  returning i.event_id
), counted as (
  insert into webhooks.fanouts (event_id, matched) select t.event_id, 0 from taken t
)
select (select count(*) from cancelled) + (select count(*) from taken)
