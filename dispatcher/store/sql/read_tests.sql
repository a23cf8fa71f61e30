-- Read the next test deliveries of each endpoint that has any: they go out whatever state their endpoint or lane is in.
--
-- $1  after  int8  endpoints above this one ...
-- $2  most   int4  ... this many at the most ...
-- $3  each   int4  ... and this many deliveries of each, those in hand included
-- $4  epoch  int8  ours; under another's there is nothing to be found

with recursive found as (
  (select d.endpoint_id, 1 as n from webhooks.deliveries d
    where d.test and d.endpoint_id > $1::bigint order by d.endpoint_id, d.id limit 1)
  union all
  select n.endpoint_id, f.n + 1
    from found f
   cross join lateral (select d.endpoint_id from webhooks.deliveries d
                        where d.test and d.endpoint_id > f.endpoint_id order by d.endpoint_id, d.id limit 1) n
   where f.n < $2::int
)
select d.endpoint_id, d.id, d.event_id, d.attempts, d.version, extract(epoch from now() - d.created_at)::float8 as age_s,
       v.type, v.occurred_at, v.data, v.context
  from found f
 cross join lateral (select * from webhooks.deliveries d
                      where d.test and d.endpoint_id = f.endpoint_id order by d.endpoint_id, d.id limit $3::int) d
  left join lateral (select e.type, e.occurred_at, e.data, e.context from webhooks.events e
                      where e.id = d.event_id offset 0) v on true
 where exists (select from webhooks.holder h where h.is_one and h.epoch = $4::bigint)
 order by d.endpoint_id, d.id
