-- What a person or a program reads. URLs carry no query here: queries hold secrets.

create view webhooks.delivery_status as
select d.id as delivery_id, d.event_id, d.endpoint_id, coalesce(v.tenant, e.tenant) as tenant, v.type,
       'pending'::text as state, d.attempts, l.status as last_status, l.reason as last_reason, l.at as last_at,
       greatest(d.due_at, d.retry_at) as due_at
  from webhooks.deliveries d
  left join webhooks.events v on v.id = d.event_id
  left join webhooks.endpoints e on e.id = d.endpoint_id
  left join lateral (
    select a.status, a.reason, a.at from webhooks.attempts a
     where a.delivery_id = d.id order by a.at desc, a.attempt desc limit 1
  ) l on true
union all
select l.delivery_id, l.event_id, l.endpoint_id, coalesce(v.tenant, e.tenant), v.type,
       -- A row taken out of deliveries by hand leaves "retrying" as its last word.
       case l.outcome when 'retrying' then 'cancelled' else l.outcome end,
       coalesce(l.attempt, (select max(a.attempt) from webhooks.attempts a where a.delivery_id = l.delivery_id), 0),
       l.status, l.reason, l.at, null::timestamptz
  from (
    select distinct on (a.event_id, a.endpoint_id, a.delivery_id) a.*
      from webhooks.attempts a
     order by a.event_id, a.endpoint_id, a.delivery_id, a.at desc, a.attempt desc
  ) l
  left join webhooks.events v on v.id = l.event_id
  left join webhooks.endpoints e on e.id = l.endpoint_id
 where not exists (select from webhooks.deliveries d where d.id = l.delivery_id);

create view webhooks.endpoint_status as
select e.id as endpoint_id, e.tenant, e.name, regexp_replace(e.url, '\?.*$', '') as url, e.state, e.state_reason,
       (select count(*) from (select from webhooks.deliveries d where d.endpoint_id = e.id and not d.test limit 10001) o) as open,
       (select d.due_at from webhooks.deliveries d where d.endpoint_id = e.id and not d.test order by d.endpoint_id, d.due_at limit 1) as oldest_due_at,
       l.status as last_status, l.outcome as last_outcome, l.at as last_at
  from webhooks.endpoints e
  left join lateral (
    select a.status, a.outcome, a.at from webhooks.attempts a
     where a.endpoint_id = e.id order by a.endpoint_id, a.at desc limit 1
  ) l on true;

comment on column webhooks.endpoint_status.open is 'open deliveries, counted to 10,000; 10001 means more';

create view webhooks.event_status as
select v.id as event_id, v.tenant, v.type, v.occurred_at, f.at as fanned_out_at, f.matched
  from webhooks.events v
  left join webhooks.fanouts f on f.event_id = v.id;

revoke execute on all functions in schema webhooks from public;

select webhooks.make_days();
