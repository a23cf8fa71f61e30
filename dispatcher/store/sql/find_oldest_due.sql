-- Among endpoints with open deliveries, as many as asked for: which delivery is the longest overdue of those that may be
-- sent now, and whose it is. A skip-scan, whatever the backlog; what is parked, paused or disabled waits for a reason.
--
-- $1  most  int4

with recursive found as (
  (select d.endpoint_id, d.due_at, d.retry_at, 1 as n from webhooks.deliveries d
    where not d.test order by d.endpoint_id, d.due_at, d.id limit 1)
  union all
  select n.endpoint_id, n.due_at, n.retry_at, f.n + 1
    from found f
   cross join lateral (select d.endpoint_id, d.due_at, d.retry_at from webhooks.deliveries d
                        where d.endpoint_id > f.endpoint_id and not d.test order by d.endpoint_id, d.due_at, d.id limit 1) n
   where f.n < $1::int
), oldest as (
  select e.id, split_part(e.url, '?', 1) as url,
         greatest(least(greatest(f.due_at, f.retry_at), timestamptz '9999-12-31 00:00+00'), timestamptz '1970-01-01 00:00+00') as due_at
    from found f
    join webhooks.endpoints e on e.id = f.endpoint_id
   where e.state = 'active' and (e.parked_until is null or e.parked_until <= now())
   order by due_at, e.id
   limit 1
)
select (select max(n) from found)::int as lanes, o.due_at as oldest_due_at, o.id as oldest_due_id, o.url as oldest_due_url
  from (select) x left join oldest o on true
