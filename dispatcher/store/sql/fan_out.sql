-- Take inbox rows from the tenants in turn, match them, make their deliveries, return each payload once.
-- `low` in the answer: up to there nothing is left; null: nobody knows, since some tenants were not looked at.
--
-- $1  after       text      the tenant served last; the ring goes on behind it
-- $2  tenants     int4      how many tenants at the most
-- $3  events      int4      how many events at the most
-- $4  low         int8      inbox ids at or below it are known to be taken: keeps the scan off dead entries
-- $5  aside       int8[]    inbox ids put aside because they could not be handled
-- $6  full        int8[]    endpoints whose lane keeps nothing now
-- $7  keep        int8      deliveries per endpoint returned with their payload at the most
-- $8  bytes       int8      payload returned at the most, in all (the first event excepted)
-- $9  unread      int8[]    endpoints whose filters cannot be evaluated: they are not, and do not match
-- $10 epoch       int8      ours; under another's there is nothing to be found

-- Every look-up is a LATERAL fenced by OFFSET 0, or an index range: one possible plan, whatever the statistics say.
with recursive behind as (
  (select i.tenant, 1 as turn from webhooks.inbox i
    where i.tenant > $1::text and i.id > $4::bigint and i.id <> all ($5::bigint[]) order by i.tenant, i.id limit 1)
  union all
  select n.tenant, b.turn + 1
    from behind b
   cross join lateral (select i.tenant from webhooks.inbox i
                        where i.tenant > b.tenant and i.id > $4 and i.id <> all ($5) order by i.tenant, i.id limit 1) n
   where b.turn < $2::int
), before as (
  (select i.tenant, 1 as turn from webhooks.inbox i
    where i.tenant <= $1 and i.id > $4 and i.id <> all ($5) order by i.tenant, i.id limit 1)
  union all
  select n.tenant, b.turn + 1
    from before b
   cross join lateral (select i.tenant from webhooks.inbox i
                        where i.tenant > b.tenant and i.tenant <= $1 and i.id > $4 and i.id <> all ($5)
                        order by i.tenant, i.id limit 1) n
   where b.turn < $2
), ring as materialized (
  select r.tenant, row_number() over () as turn
    from (select tenant from behind union all select tenant from before) r
   where exists (select from webhooks.holder h where h.is_one and h.epoch = $10::bigint)
   limit $2
), share as materialized (
  select greatest($3::int / greatest(count(*), 1), 1) as most, count(*) < $2 as is_whole from ring
), picked as materialized (
  select r.tenant, p.place, p.id
    from ring r
   cross join lateral (
     select i.ctid as place, i.id from webhooks.inbox i
      where i.tenant = r.tenant and i.id > $4 and i.id <> all ($5)
      order by i.tenant, i.id
      limit (select most from share)
     ) p
), taken as (
  delete from webhooks.inbox i where i.ctid = any (array(select place from picked))
  returning i.id, i.event_id, i.tenant, i.type
), asked as materialized (
  select t.id as inbox_id, t.event_id, s.endpoint_id,
         case when s.filter is null then true
              when s.endpoint_id <> all ($9::bigint[]) then webhooks.passes(t.event_id, s.filter) end as passed
    from taken t
   cross join lateral unnest(webhooks.candidates(t.type)) c (pattern)
   cross join lateral (select s.endpoint_id, s.filter from webhooks.subscriptions s
                        where s.tenant = t.tenant and s.pattern = c.pattern offset 0) s
   cross join lateral (select from webhooks.endpoints e
                        where e.id = s.endpoint_id and e.state in ('active', 'paused') offset 0) e
), made as (
  insert into webhooks.deliveries (event_id, endpoint_id)
  select a.event_id, a.endpoint_id from asked a
   group by a.inbox_id, a.event_id, a.endpoint_id
  having bool_or(a.passed)
   order by a.inbox_id, a.endpoint_id
  returning id, event_id, endpoint_id
), counted as (
  insert into webhooks.fanouts (event_id, matched)
  select x.event_id, sum(x.matched)
    from (select event_id, 0 as matched from taken union all select event_id, 1 from made) x
   group by x.event_id
), ranked as (
  select m.id, m.event_id, m.endpoint_id,
         row_number() over (partition by m.endpoint_id order by m.id) <= $7::bigint
         and m.endpoint_id not in (select unnest($6::bigint[])) as kept
    from made m
), wanted as materialized (
  select r.event_id, min(r.id) as first_id,
         array_agg(r.id order by r.id) filter (where r.kept) as delivery_ids,
         array_agg(r.endpoint_id order by r.id) filter (where r.kept) as endpoint_ids,
         array_agg(r.endpoint_id) filter (where not r.kept) as held_ids
    from ranked r
   group by r.event_id
), measured as materialized (
  -- The running sum stops a batch of large events from becoming our memory; the rows stay toasted until they are returned.
  select w.*, v.type, v.occurred_at, v.data, v.context,
         sum(octet_length(v.data::text) + coalesce(octet_length(v.context::text), 0)) over (order by w.first_id) <= $8::bigint
         or row_number() over (order by w.first_id) = 1 as fits
    from wanted w
    left join lateral (select e.type, e.occurred_at, e.data, e.context from webhooks.events e
                        where e.id = w.event_id and w.delivery_ids is not null offset 0) v on true
)
select s.taken, s.low, s.last_tenant, s.unread,
       m.event_id, m.delivery_ids, m.endpoint_ids, m.held_ids, m.type, m.occurred_at,
       case when m.fits then m.data end as data, case when m.fits then m.context end as context
  from (select (select count(*) from taken) as taken,
               (select coalesce((select min(p.last) from (select max(id) as last, count(*) as n from picked group by tenant) p
                                  where p.n = s.most), (select max(id) from taken))
                  from share s where s.is_whole) as low,
               (select tenant from ring order by turn desc limit 1) as last_tenant,
               (select array_agg(distinct a.endpoint_id) from asked a where a.passed is null) as unread) s
  left join lateral (select * from measured offset 0) m on true
 order by m.first_id
