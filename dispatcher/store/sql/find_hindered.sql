-- The active endpoints that are sent nothing for a fault of ours: among those with open deliveries, as many as asked for,
-- those whose newest attempt was none but was put off. `since`: when the oldest of what waits met such a fault first.
-- `hindered` counts them all, not only the rows there are, which are chosen without regard to how long.
--
-- $1  lanes  int4    endpoints to look at
-- $2  most   int4    rows
-- $3  open   int4    open deliveries of each in which to look for the oldest
-- $4  ours   text[]  the reasons that are faults of ours

with recursive found as (
  (select d.endpoint_id, 1 as n from webhooks.deliveries d
    where not d.test order by d.endpoint_id, d.due_at, d.id limit 1)
  union all
  select n.endpoint_id, f.n + 1
    from found f
   cross join lateral (select d.endpoint_id from webhooks.deliveries d
                        where d.endpoint_id > f.endpoint_id and not d.test order by d.endpoint_id, d.due_at, d.id limit 1) n
   where f.n < $1::int
), hindered as materialized (
  select f.endpoint_id, l.reason, count(*) over ()::int as hindered
    from found f
    join webhooks.endpoints e on e.id = f.endpoint_id and e.state = 'active'
   cross join lateral (
     -- Faults of ours are tried again within minutes, or hours where the backoff is slow.
     select a.outcome, a.reason from webhooks.attempts a
      where a.endpoint_id = f.endpoint_id and a.at > now() - interval '2 days' order by a.endpoint_id, a.at desc limit 1
   ) l
   where l.outcome = 'retrying' and l.reason = any ($4::text[])
   order by hashint8(f.endpoint_id)
   limit $2::int
)
select h.endpoint_id, h.reason, h.hindered, s.since
  from hindered h
 cross join lateral (
   select min(a.at) as since
     from (select min(o.id) as id
             from (select d.id, d.version, d.attempts from webhooks.deliveries d
                    where d.endpoint_id = h.endpoint_id and not d.test
                    order by d.endpoint_id, d.due_at, d.id limit $3::int) o
            where o.version > o.attempts) d
     join webhooks.attempts a on a.delivery_id = d.id
    where a.reason = any ($4)
 ) s
