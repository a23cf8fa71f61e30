-- Delete what is older than the last day, a slice of it. Returns how many rows there were.
--
-- $1  most  int4  rows

with old as materialized (
  select o.place from webhooks.rates_sums s
   cross join lateral (
     select r.ctid as place from webhooks.rates r
      where r.endpoint_id = s.endpoint_id and r.minutes = s.minutes
        and r.at < date_bin('15 minutes', now() - interval '24 h', 'epoch')
     offset 0
   ) o
   limit $1::int
), deleted as (
  delete from webhooks.rates r where r.ctid = any (array(select place from old)) returning 1
)
select count(*) as deleted from deleted
