-- Delete old fan-outs from some pages of the DEFAULT, once their events have gone. `more`: there are pages behind these.
--
-- $1  days   float8
-- $2  page   int8    from this one ...
-- $3  pages  int8    ... so many

with old as materialized (
  select f.ctid as place from webhooks.fanouts_default f
   where f.ctid >= format('(%s,0)', $2::bigint)::tid and f.ctid < format('(%s,0)', $2 + $3::bigint)::tid
     and f.at < now() - $1::float8 * interval '1 day'
     and not exists (select from webhooks.events e where e.id = f.event_id)
     for update skip locked
), deleted as (
  delete from webhooks.fanouts_default f where f.ctid = any (array(select place from old)) returning 1
)
select count(*) as deleted,
       pg_relation_size('webhooks.fanouts_default') > ($2 + $3) * current_setting('block_size')::bigint as more
  from deleted
