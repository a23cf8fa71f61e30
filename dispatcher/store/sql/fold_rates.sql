-- Put minutes that the last hour no longer needs together into quarters of an hour. Returns how many rows there were.
--
-- $1  most  int4  rows

with old as materialized (
  select o.place from webhooks.rates_sums s
   cross join lateral (
     select r.ctid as place from webhooks.rates r
      where r.endpoint_id = s.endpoint_id and r.minutes = 1
        and r.at < date_bin('15 minutes', now() - interval '1 h', 'epoch')
     offset 0
   ) o
   where s.minutes = 1
   limit $1::int
), taken as (
  delete from webhooks.rates r where r.ctid = any (array(select place from old)) returning r.*
), parts as (
  select t.endpoint_id, date_bin('15 minutes', t.at, 'epoch') as at, null::smallint as bucket,
         sum(t.delivered) as delivered, sum(t.failed) as failed, 0 as n
    from taken t
   group by t.endpoint_id, 2
  union all
  select t.endpoint_id, date_bin('15 minutes', t.at, 'epoch'), b.bucket, 0, 0, sum(b.n)::int
    from taken t cross join lateral unnest(t.buckets, t.counts) b (bucket, n)
   group by t.endpoint_id, 2, b.bucket
), folded as (
  insert into webhooks.rates (endpoint_id, minutes, at, delivered, failed, buckets, counts)
  select p.endpoint_id, 15, p.at, sum(p.delivered), sum(p.failed),
         array_agg(p.bucket) filter (where p.bucket is not null), array_agg(p.n) filter (where p.bucket is not null)
    from parts p
   group by p.endpoint_id, p.at
)
select count(*) as folded from taken
