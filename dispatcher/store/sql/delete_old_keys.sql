-- Forget the oldest idempotency keys past their time; `low`: where the next slice begins, behind the dead entries of this.
--
-- $1  days  float8
-- $2  low   float8  s since 1970; 0 to begin with
-- $3  most  int4

with old as materialized (
  select k.ctid as place from webhooks.event_keys k
   where k.at >= to_timestamp($2::float8) and k.at < now() - $1::float8 * interval '1 day'
   order by k.at
   limit $3::int
     for update skip locked
), deleted as (
  delete from webhooks.event_keys k where k.ctid = any (array(select place from old)) returning k.at
)
-- A second of slack: a float has room for microseconds, but only just.
select count(*) as deleted, coalesce(extract(epoch from max(at)) - 1, $2)::float8 as low from deleted
