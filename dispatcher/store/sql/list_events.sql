-- A page of events, newest first: among so many of them at most, so that one page costs the same whoever asks. Where the
-- page is short, `last` is how far it looked; null when there are no more.
--
-- $1  tenant   text  null: all
-- $2  pattern  text  a type, or order.*; null: all
-- $3  lowest   uuid
-- $4  below    uuid  of the page before, the last one
-- $5  looked   int4  how many to look at
-- $6  most     int4

with looked as materialized (
  select v.id, v.tenant, v.type, v.occurred_at
    from webhooks.events v
   where v.id >= $3::uuid and v.id < $4::uuid
   order by v.id desc
   limit $5::int
), page as materialized (
  select l.*
    from looked l
   where ($1::text is null or l.tenant = $1)
     and ($2::text is null or $2 = any (webhooks.candidates(l.type)))
   order by l.id desc
   limit $6::int
), reached as (
  select case when (select count(*) from page) = $6 then (select p.id from page p order by p.id limit 1)
              when (select count(*) from looked) = $5 then (select l.id from looked l order by l.id limit 1) end as last
)
select p.id as event_id, p.tenant, p.type, p.occurred_at, f.at as fanned_out_at, f.matched, r.last
  from reached r
  left join page p on true
  left join lateral (select x.at, x.matched from webhooks.fanouts x where x.event_id = p.id limit 1) f on true
 order by p.id desc
