-- Delete old events from some pages of the DEFAULT, those excepted that are still to be fanned out or delivered.
-- `more`: there are pages behind these.
--
-- $1  days   float8
-- $2  page   int8    from this one ...
-- $3  pages  int8    ... so many

-- Somebody may replay one of them this instant: then its delivery ends with "the event is gone" for a reason.
with waiting as materialized (
  select i.event_id from webhooks.inbox i where i.event_id < webhooks.uuid_floor(now() - $1::float8 * interval '1 day')
), old as materialized (
  select e.ctid as place from webhooks.events_default e
   where e.ctid >= format('(%s,0)', $2::bigint)::tid and e.ctid < format('(%s,0)', $2 + $3::bigint)::tid
     and e.id < webhooks.uuid_floor(now() - $1 * interval '1 day')
     and not exists (select from webhooks.deliveries d where d.event_id = e.id)
     and not exists (select from waiting w where w.event_id = e.id)
     for update skip locked
), deleted as (
  delete from webhooks.events_default e where e.ctid = any (array(select place from old)) returning 1
)
select count(*) as deleted,
       pg_relation_size('webhooks.events_default') > ($2 + $3) * current_setting('block_size')::bigint as more
  from deleted
