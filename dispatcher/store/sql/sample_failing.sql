-- Why endpoints fail, of some of those that do: chosen without regard to how long, so that they stand for the rest.
--
-- $1  failing  int8[]  found to fail right now, whatever their rows say
-- $2  most     int4

with few as materialized (
  select e.id, split_part(e.url, '?', 1) as url, e.failing_since
    from webhooks.endpoints e
   where e.state = 'active'
     and (e.failing_since is not null or e.parked_until > now() or e.id in (select unnest($1::bigint[])))
   order by hashint8(e.id)
   limit $2::int
)
select f.url, f.failing_since, l.reason
  from few f
 cross join lateral (
    select a.reason from webhooks.attempts a
     where a.endpoint_id = f.id and a.at > now() - interval '2 days' order by a.endpoint_id, a.at desc limit 1
  ) l
 where l.reason is not null
