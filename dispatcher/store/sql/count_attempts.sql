-- Count the attempts of a span, for each endpoint, and say up to where that is done: both or neither, and once, whoever else
-- is at it.
--
-- $1  since    timestamptz  as rates_until says; what says otherwise has been counted by somebody else
-- $2  low      timestamptz  from here, below which nobody asks ...
-- $3  until    timestamptz  ... to here
-- $4  minutes  int4         of a row, 1 or 15

with moved as materialized (
  update webhooks.rates_until u set until = $3::timestamptz where u.until = $1::timestamptz returning u.until
), tried as materialized (
  select e.id as endpoint_id, date_bin($4::int * interval '1 min', t.at, 'epoch') as at, t.bucket,
         count(*) filter (where t.delivered) as delivered, count(*) filter (where not t.delivered) as failed
    from moved m
   cross join webhooks.endpoints e
   -- There is no index by time alone, and none is wanted: a settle would pay for it. Each endpoint is asked for its own.
   cross join lateral (
      select c.at, c.bucket, c.delivered from webhooks.counted_attempts c
       where c.endpoint_id = e.id and c.at >= $2::timestamptz and c.at < $3
      offset 0
   ) t
   group by e.id, 2, t.bucket
)
insert into webhooks.rates (endpoint_id, minutes, at, delivered, failed, buckets, counts)
select t.endpoint_id, $4, t.at, sum(t.delivered), sum(t.failed), array_agg(t.bucket), array_agg((t.delivered + t.failed)::int)
  from tried t
 group by t.endpoint_id, t.at
