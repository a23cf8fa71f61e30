-- A page of deliveries, latest activity first: of an attempted one its last attempt, of the others when they are due.
-- Endpoint by endpoint through their indexes, so that what others have counts for nothing.
--
-- $1   tenant      text         null: all
-- $2   lane        int8         of this endpoint alone, also after it is gone; null: all
-- $3   pattern     text         a type, or order.*; null: all
-- $4   states      text[]       null: all
-- $5   since       timestamptz  null: from the first
-- $6   until       timestamptz  null: to the last
-- $7   before_at   timestamptz  the last one of the page before; null: from the latest
-- $8   before_id   int8
-- $9   most        int4

with lanes as materialized (
  select e.id from webhooks.endpoints e where $2::bigint is null and ($1::text is null or e.tenant = $1)
  union all
  select $2 where $2 is not null
), attempted as (
  select x.*
    from lanes l
   cross join lateral (
     select a.delivery_id, a.at
       from webhooks.attempts a
      where a.endpoint_id = l.id
        and ($5::timestamptz is null or a.at >= $5)
        and ($6::timestamptz is null or a.at < $6)
        and ($7::timestamptz is null or a.at <= $7 and (a.at, a.delivery_id) < ($7, $8::bigint))
        and ($4::text[] is null or case when exists (select from webhooks.deliveries d where d.id = a.delivery_id) then 'pending'
                                        when a.outcome = 'retrying' then 'cancelled' else a.outcome end = any ($4))
        and ($3::text is null or exists (
          select from webhooks.events v where v.id = a.event_id and $3 = any (webhooks.candidates(v.type))))
        and not exists (select from webhooks.attempts b
                         where b.delivery_id = a.delivery_id
                           and (b.at, coalesce(b.attempt, 1000000)) > (a.at, coalesce(a.attempt, 1000000)))
      order by a.at desc, a.delivery_id desc
      limit $9::int) x
), waiting as (
  select x.*
    from lanes l
   cross join lateral (
     select d.id, d.due_at
       from webhooks.deliveries d
      where d.endpoint_id = l.id and not d.test
        and ($4 is null or 'pending' = any ($4))
        and ($5 is null or d.due_at >= $5)
        and ($6 is null or d.due_at < $6)
        and ($7 is null or d.due_at <= $7 and (d.due_at, d.id) < ($7, $8))
        and ($3 is null or exists (
          select from webhooks.events v where v.id = d.event_id and $3 = any (webhooks.candidates(v.type))))
        and not exists (select from webhooks.attempts a where a.delivery_id = d.id)
      order by d.due_at desc, d.id desc
      limit $9) x
), tests as (
  select x.*
    from lanes l
   cross join lateral (
     select d.id, d.due_at
       from webhooks.deliveries d
      where d.endpoint_id = l.id and d.test
        and ($4 is null or 'pending' = any ($4))
        and ($5 is null or d.due_at >= $5)
        and ($6 is null or d.due_at < $6)
        and ($7 is null or (d.due_at, d.id) < ($7, $8))
        and ($3 is null or exists (
          select from webhooks.events v where v.id = d.event_id and $3 = any (webhooks.candidates(v.type))))
        and not exists (select from webhooks.attempts a where a.delivery_id = d.id)
      order by d.due_at desc, d.id desc
      limit $9) x
), page as materialized (
  select c.*
    from (select * from attempted union all select * from waiting union all select * from tests) c
   order by c.at desc, c.delivery_id desc
   limit $9
)
select s.delivery_id, s.event_id, s.endpoint_id, s.tenant, s.type, s.state, s.attempts, s.last_status, s.last_reason,
       s.last_at, s.due_at, p.at
  from page p
 cross join lateral (select x.* from webhooks.delivery_status x where x.delivery_id = p.delivery_id offset 0) s
 where $1 is null or s.tenant = $1
 order by p.at desc, p.delivery_id desc
