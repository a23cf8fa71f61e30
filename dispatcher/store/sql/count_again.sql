-- Forget what was counted from an instant on that the clock has yet to reach: it is counted again when it does.
--
-- $1  since  timestamptz  as rates_until says; what says otherwise has been set back by somebody else
-- $2  until  timestamptz  from here on

with moved as materialized (
  update webhooks.rates_until u set until = $2::timestamptz where u.until = $1::timestamptz returning u.until
), early as materialized (
  select o.place from moved m
   cross join webhooks.rates_sums s
   cross join lateral (
     select r.ctid as place from webhooks.rates r
      where r.endpoint_id = s.endpoint_id and r.minutes = s.minutes and r.at >= m.until
     offset 0
   ) o
)
delete from webhooks.rates r where r.ctid = any (array(select place from early))
