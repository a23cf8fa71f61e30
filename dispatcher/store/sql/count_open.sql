-- Count open deliveries, to a bound.
--
-- $1  most  int4

select count(*)::int as deliveries from (select from webhooks.deliveries d limit $1::int) o
