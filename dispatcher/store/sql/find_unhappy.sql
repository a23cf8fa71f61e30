-- The endpoints that fail or are disabled, worst first: those that fail the longest, then those that get nothing more.
-- `unhappy` and `failing` count them all, not only the rows there are.
--
-- $1  failing  int8[]  found to fail right now, whatever their rows say
-- $2  most     int4    rows
-- $3  counted  int4    open deliveries of each, at the most

with unhappy as materialized (
  select e.id, e.tenant, e.name, split_part(e.url, '?', 1) as url, e.state, e.state_reason, e.state_at, e.failing_since,
         case when e.parked_until > now() then e.parked_until end as parked_until,
         count(*) over ()::int as unhappy, (count(*) filter (where e.state = 'active') over ())::int as failing
    from webhooks.endpoints e
   where e.state = 'disabled'
      or e.state = 'active'
         and (e.failing_since is not null or e.parked_until > now() or e.id in (select unnest($1::bigint[])))
   order by e.state = 'active' desc, e.failing_since, e.state_at desc, e.id
   limit $2::int
)
select u.id, u.tenant, u.name, u.url, u.state, u.state_reason, u.failing_since, u.parked_until, u.unhappy, u.failing,
       l.status as last_status, l.reason as last_reason, l.at as last_at, o.open
  from unhappy u
  left join lateral (
    select a.status, a.reason, a.at from webhooks.attempts a
     where a.endpoint_id = u.id order by a.endpoint_id, a.at desc limit 1
  ) l on true
 cross join lateral (
    select count(*)::int as open
      from (select from webhooks.deliveries d where d.endpoint_id = u.id and not d.test limit $3::int) x
  ) o
 order by u.state = 'active' desc, u.failing_since, u.state_at desc, u.id
