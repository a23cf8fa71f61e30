-- How many rows are past their time in the DEFAULT partitions and among the idempotency keys: what a prune would look at.
--
-- $1  events_days    float8
-- $2  attempts_days  float8
-- $3  keys_days      float8

select 'events_default' as name, count(*) as rows from webhooks.events_default e
 where e.id < webhooks.uuid_floor(now() - $1::float8 * interval '1 day')
   and not exists (select from webhooks.deliveries d where d.event_id = e.id)
   and not exists (select from webhooks.inbox i where i.event_id = e.id)
union all
select 'fanouts_default', count(*) from webhooks.fanouts_default f
 where f.at < now() - $1 * interval '1 day'
   and not exists (select from webhooks.events e
                    where e.id = f.event_id
                      and (e.id >= webhooks.uuid_floor(now() - $1 * interval '1 day')
                           or exists (select from webhooks.deliveries d where d.event_id = e.id)))
union all
select 'attempts_default', count(*) from webhooks.attempts_default a where a.at < now() - $2::float8 * interval '1 day'
union all
select 'event_keys', count(*) from webhooks.event_keys k where k.at < now() - $3::float8 * interval '1 day'
union all
select 'requests', count(*) from webhooks.requests r where r.at < now() - interval '1 day'
