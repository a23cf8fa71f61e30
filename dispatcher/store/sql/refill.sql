-- Read due deliveries of the named endpoints, and when the next of each is due. Never a global order.
--
-- $1  endpoints  int8[]  whose lanes ran low ...
-- $2  wants      int4[]  ... and how many each wants
-- $3  in_hand    int8[]  deliveries of these lanes that are queued, in flight or unsettled here
-- $4  bytes      int8    payload returned at the most, in all (the first delivery excepted)
-- $5  epoch      int8    ours; under another's there is nothing to be found
-- $6  lows       timestamptz[]  all that was due before is in hand: keeps the look off dead entries; null: look at all

with due as materialized (
  select w.endpoint_id, d.id, d.event_id, d.attempts, d.version, d.due_at,
         extract(epoch from now() - d.created_at)::float8 as age_s,
         greatest(extract(epoch from d.retry_at - now()), 0)::float8 as wait_s
    from unnest($1::bigint[], $2::int[], $6::timestamptz[]) w (endpoint_id, wants, low)
   cross join lateral (
     select d.* from webhooks.deliveries d
      where d.endpoint_id = w.endpoint_id and d.due_at <= now() and not d.test
        and d.due_at >= coalesce(w.low, '-infinity')
        and d.id not in (select unnest($3::bigint[]))
      order by d.endpoint_id, d.due_at, d.id
      limit w.wants
     ) d
   where exists (select from webhooks.holder h where h.is_one and h.epoch = $5::bigint)
), measured as materialized (
  select d.*, v.type, v.occurred_at, v.data, v.context,
         sum(octet_length(v.data::text) + coalesce(octet_length(v.context::text), 0)) over (order by d.due_at, d.id) <= $4::bigint
         or row_number() over (order by d.due_at, d.id) = 1 as fits
    from due d
    left join lateral (select e.type, e.occurred_at, e.data, e.context from webhooks.events e
                        where e.id = d.event_id offset 0) v on true
)
select m.endpoint_id, null::float8 as next_due_s, m.id, m.event_id, m.attempts, m.version, m.age_s, m.wait_s,
       coalesce(m.fits, true) as fits, m.type, m.occurred_at,
       case when m.fits then m.data end as data, case when m.fits then m.context end as context, m.due_at
  from measured m
union all
select w.endpoint_id, extract(epoch from n.due_at - now())::float8, null, null, null, null, null, null,
       null, null, null, null, null, n.due_at
  from unnest($1, $2) w (endpoint_id, wants)
 cross join lateral (
   select d.due_at from webhooks.deliveries d
    where d.endpoint_id = w.endpoint_id and d.due_at > now() and not d.test
    order by d.endpoint_id, d.due_at, d.id
    limit 1
   ) n
 order by due_at, id
