-- Read open test deliveries: they go out whatever state their endpoint or lane is in.
--
-- $1  most  int4

select d.endpoint_id, d.id, d.event_id, d.attempts, d.version, extract(epoch from now() - d.created_at)::float8 as age_s,
       v.type, v.occurred_at, v.data, v.context
  from (select * from webhooks.deliveries d where d.test order by d.id limit $1::int) d
  left join lateral (select e.type, e.occurred_at, e.data, e.context from webhooks.events e
                      where e.id = d.event_id offset 0) v on true
