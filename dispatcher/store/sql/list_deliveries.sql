-- A page of deliveries, latest activity first: of an attempted one its last attempt, of the others when they are due.
-- Endpoint by endpoint, because attempts have no index by time alone, and among so many of them at most, so that one page
-- costs the same whoever asks. Where it is short, reached_at and reached_id are how far it looked; null: there are no more.
--
-- $1   tenant      text         of its endpoints that are there; null: of all
-- $2   lane        int8         of this endpoint alone, also after it is gone; null: all
-- $3   pattern     text         a type, or order.*; null: all
-- $4   states      text[]       null: all
-- $5   since       timestamptz  null: from the first
-- $6   until       timestamptz  null: to the last
-- $7   before_at   timestamptz  the last one of the page before; null: from the latest
-- $8   before_id   int8
-- $9   looked      int4         how many attempts to look at
-- $10  most        int4
-- $11  lanes       int4         of how many endpoints at most, those with the latest

-- coalesce, not "is null or": a plan for any value must still use the indexes, and leave out days.
with candidates as materialized (
  select e.id from webhooks.endpoints e where $2::bigint is null and ($1::text is null or e.tenant = $1)
  union all
  select $2 where $2 is not null and ($1 is null
    or exists (select from webhooks.endpoints e where e.id = $2 and e.tenant = $1)
    -- Of one that is gone, its last event says whose it was: nobody else is told even when it was busy.
    or (select v.tenant from (select a.event_id from webhooks.attempts a where a.endpoint_id = $2 order by a.at desc limit 1) l
          join webhooks.events v on v.id = l.event_id) = $1)
), near as materialized (
  -- The latest of each within a day, which is in one partition or two; `due` is that of what waits.
  select c.id,
         (select a.at
            from webhooks.attempts a
           where a.endpoint_id = c.id
             and a.at >= greatest(coalesce($5::timestamptz, '-infinity'), least(now(), coalesce($7::timestamptz, 'infinity')) - interval '1 day')
             and a.at < coalesce($6::timestamptz, 'infinity') and a.at <= coalesce($7, 'infinity')
             and (a.at, a.delivery_id) < (coalesce($7, 'infinity'), coalesce($8::bigint, 9223372036854775807))
           order by a.at desc
           limit 1) as at,
         (select d.due_at
            from webhooks.deliveries d
           where d.endpoint_id = c.id and not d.test and ($4::text[] is null or 'pending' = any ($4))
             and d.due_at >= coalesce($5, '-infinity') and d.due_at < coalesce($6, 'infinity')
             and d.due_at <= least(now(), coalesce($7, 'infinity'))
             and (d.due_at, d.id) < (coalesce($7, 'infinity'), coalesce($8, 9223372036854775807))
           order by d.due_at desc
           limit 1) as due
    from candidates c
), far as materialized (
  -- Where these are too few, the latest of the others, on whatever day.
  select n.id,
         (select a.at
            from webhooks.attempts a
           where a.endpoint_id = n.id
             and a.at >= coalesce($5, '-infinity') and a.at < coalesce($6, 'infinity') and a.at <= coalesce($7, 'infinity')
             and (a.at, a.delivery_id) < (coalesce($7, 'infinity'), coalesce($8, 9223372036854775807))
           order by a.at desc
           limit 1) as at
    from near n
   where n.at is null and (select count(*) from near x where x.at is not null) <= $11::int
), heads as materialized (
  -- Only of those who have the latest is anything on this page.
  select h.id, h.at, row_number() over (order by h.at desc, h.id) as place
    from (select n.id, greatest(n.at, f.at, n.due) as at from near n left join far f on f.id = n.id) h
   where h.at is not null
   order by h.at desc, h.id
   limit $11 + 1
), lanes as materialized (
  select h.id from heads h where h.place <= $11
), bounds as materialized (
  select greatest($9::int / greatest(count(*), 1), 5) as of_each from lanes
), attempted as materialized (
  select l.id as lane, x.*
    from lanes l
   cross join lateral (
     select a.at, a.delivery_id, a.event_id, a.endpoint_id, a.attempt, a.status, a.outcome, a.reason
       from webhooks.attempts a
      where a.endpoint_id = l.id
        and a.at >= coalesce($5, '-infinity') and a.at < coalesce($6, 'infinity') and a.at <= coalesce($7, 'infinity')
        and (a.at, a.delivery_id) < (coalesce($7, 'infinity'), coalesce($8, 9223372036854775807))
      order by a.at desc, a.delivery_id desc
      limit (select b.of_each from bounds b)) x
), waiting as materialized (
  -- What was never attempted is due, whoever it waits for; what is to be tried again later is not looked at.
  select l.id as lane, x.*
    from lanes l
   cross join lateral (
     select d.due_at as at, d.id as delivery_id, d.event_id, d.version
       from webhooks.deliveries d
      where d.endpoint_id = l.id and not d.test
        and d.due_at >= coalesce($5, '-infinity') and d.due_at < coalesce($6, 'infinity')
        and d.due_at <= least(now(), coalesce($7, 'infinity'))
        and (d.due_at, d.id) < (coalesce($7, 'infinity'), coalesce($8, 9223372036854775807))
      order by d.due_at desc, d.id desc
      limit (select b.of_each from bounds b)) x
   where $4 is null or 'pending' = any ($4)
), tests as materialized (
  select d.due_at as at, d.id as delivery_id, d.event_id, d.endpoint_id
    from webhooks.deliveries d
   where d.test and ($4 is null or 'pending' = any ($4))
     and ($2 is null or d.endpoint_id = $2)
     and ($1 is null or d.endpoint_id in (select c.id from candidates c))
     and d.due_at >= coalesce($5, '-infinity') and d.due_at < coalesce($6, 'infinity')
     and (d.due_at, d.id) < (coalesce($7, 'infinity'), coalesce($8, 9223372036854775807))
     and not exists (select from webhooks.attempts a where a.delivery_id = d.id)
), reached as materialized (
  -- Of what was cut off, the latest end: up to there everything was seen.
  select x.at, x.delivery_id
    from (select p.at, p.delivery_id
            from (select a.at, a.delivery_id, row_number() over (partition by a.lane order by a.at desc, a.delivery_id desc) as place
                    from attempted a
                  union all
                  select w.at, w.delivery_id, row_number() over (partition by w.lane order by w.at desc, w.delivery_id desc)
                    from waiting w) p
           where p.place = (select b.of_each from bounds b)
          union all
          select h.at, 999999999999999999 from heads h where h.place > $11) x
   order by x.at desc, x.delivery_id desc
   limit 1
), page as materialized (
  select c.*
    from (select a.at, a.delivery_id, a.event_id, a.endpoint_id, a.attempt, a.status, a.outcome, a.reason from attempted a
           where $4 is null or a.outcome = any ($4) or ('pending' = any ($4) or 'cancelled' = any ($4)) and a.outcome <> 'delivered'
          union all
          select w.at, w.delivery_id, w.event_id, w.lane, null, null, null, null from waiting w
           where (w.version = 0 or not exists (select from webhooks.attempts a where a.delivery_id = w.delivery_id))
          union all
          select t.at, t.delivery_id, t.event_id, t.endpoint_id, null, null, null, null from tests t
           order by 1 desc, 2 desc) c
   where not exists (select from reached r where (c.at, c.delivery_id) < (r.at, r.delivery_id))
     and (c.outcome is null or not exists (
       select from webhooks.attempts b
        where b.delivery_id = c.delivery_id and b.at >= c.at
          and (b.at, coalesce(b.attempt, 1000000)) > (c.at, coalesce(c.attempt, 1000000))))
     and ($4 is null or case when exists (select from webhooks.deliveries d where d.id = c.delivery_id) then 'pending'
                             when c.outcome = 'retrying' then 'cancelled' else c.outcome end = any ($4))
     and ($1 is null or coalesce((select v.tenant from webhooks.events v where v.id = c.event_id),
                                 (select e.tenant from webhooks.endpoints e where e.id = c.endpoint_id)) = $1)
     -- As webhooks.candidates has it, at a tenth of its price.
     and ($3::text is null or exists (
       select from webhooks.events v
        where v.id = c.event_id
          and (v.type = $3 or $3 = '*' and v.type not like 'webhook.%' or $3 like '%.*' and starts_with(v.type, left($3, -1)))))
   limit $10::int
), last as materialized (
  select x.at, x.delivery_id
    from (select p.at, p.delivery_id from page p where (select count(*) from page) = $10
          union all
          select r.at, r.delivery_id from reached r where (select count(*) from page) < $10) x
   order by x.at, x.delivery_id
   limit 1
)
select p.delivery_id, p.event_id, p.endpoint_id, coalesce(v.tenant, e.tenant) as tenant, v.type,
       case when d.id is not null then 'pending' when p.outcome = 'retrying' then 'cancelled' else p.outcome end as state,
       case when d.id is not null then d.attempts
            else coalesce(p.attempt, (select max(a.attempt) from webhooks.attempts a where a.delivery_id = p.delivery_id), 0) end as attempts,
       p.status as last_status, p.reason as last_reason, case when p.outcome is not null then p.at end as last_at,
       greatest(d.due_at, d.retry_at) as due_at, p.at, l.at as reached_at, l.delivery_id as reached_id
  from (select) one
  left join last l on true
  left join page p on true
  left join lateral (select x.tenant, x.type from webhooks.events x where x.id = p.event_id limit 1) v on true
  left join lateral (select x.tenant from webhooks.endpoints x where x.id = p.endpoint_id) e on true
  left join lateral (select x.* from webhooks.deliveries x where x.id = p.delivery_id) d on true
 order by p.at desc, p.delivery_id desc
