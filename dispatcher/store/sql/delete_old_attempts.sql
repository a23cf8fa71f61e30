-- Delete old attempts from some pages of the DEFAULT. `more`: there are pages behind these.
--
-- $1  days   float8
-- $2  page   int8    from this one ...
-- $3  pages  int8    ... so many

with old as materialized (
  select a.ctid as place from webhooks.attempts_default a
   where a.ctid >= format('(%s,0)', $2::bigint)::tid and a.ctid < format('(%s,0)', $2 + $3::bigint)::tid
     and a.at < now() - $1::float8 * interval '1 day'
     for update skip locked
), deleted as (
  delete from webhooks.attempts_default a where a.ctid = any (array(select place from old)) returning 1
)
select count(*) as deleted,
       pg_relation_size('webhooks.attempts_default') > ($2 + $3) * current_setting('block_size')::bigint as more
  from deleted
