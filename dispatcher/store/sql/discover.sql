-- Find endpoints with open deliveries, and when the earliest of each is due: a skip-scan, whatever the backlog.
--
-- $1  after  int8  endpoints above this one ...
-- $2  most   int4  ... this many at the most

with recursive found as (
  (select d.endpoint_id, d.due_at, 1 as n from webhooks.deliveries d
    where d.endpoint_id > $1::bigint and not d.test order by d.endpoint_id, d.due_at, d.id limit 1)
  union all
  select n.endpoint_id, n.due_at, f.n + 1
    from found f
   cross join lateral (select d.endpoint_id, d.due_at from webhooks.deliveries d
                        where d.endpoint_id > f.endpoint_id and not d.test order by d.endpoint_id, d.due_at, d.id limit 1) n
   where f.n < $2::int
)
select endpoint_id, extract(epoch from due_at - now())::float8 as due_in_s from found
