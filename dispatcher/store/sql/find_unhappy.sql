-- The endpoints that fail, are disabled or are sent nothing, worst first: those that are sent nothing for a fault of ours,
-- those that fail the longest, then those that get nothing more. `unhappy` and `failing` count them all, not only the rows.
--
-- $1  failing   int8[]  found to fail right now, whatever their rows say
-- $2  hindered  int8[]  found to be sent nothing, whatever their rows say
-- $3  most      int4    rows
-- $4  counted   int4    open deliveries of each, at the most

with judged as (
  select e.id, e.tenant, e.name, split_part(e.url, '?', 1) as url, e.state, e.state_reason, e.state_at, e.failing_since,
         case when e.parked_until > now() then e.parked_until end as parked_until,
         e.state = 'active'
           and (e.failing_since is not null or e.parked_until > now() or e.id in (select unnest($1::bigint[]))) as fails,
         e.state = 'active' and e.id in (select unnest($2::bigint[])) as hindered
    from webhooks.endpoints e
), unhappy as materialized (
  select j.*, count(*) over ()::int as unhappy, (count(*) filter (where j.fails) over ())::int as failing
    from judged j
   where j.state = 'disabled' or j.fails or j.hindered
   order by j.hindered desc, j.state = 'active' desc, j.failing_since, j.state_at desc, j.id
   limit $3::int
)
select u.id, u.tenant, u.name, u.url, u.state, u.state_reason, u.failing_since, u.parked_until, u.hindered, u.unhappy,
       u.failing, l.status as last_status, l.reason as last_reason, l.at as last_at, o.open
  from unhappy u
  left join lateral (
    select a.status, a.reason, a.at from webhooks.attempts a
     where a.endpoint_id = u.id order by a.endpoint_id, a.at desc limit 1
  ) l on true
 cross join lateral (
    select count(*)::int as open
      from (select from webhooks.deliveries d where d.endpoint_id = u.id and not d.test limit $4::int) x
  ) o
 order by u.hindered desc, u.state = 'active' desc, u.failing_since, u.state_at desc, u.id
