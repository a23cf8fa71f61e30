-- Make the partitions of the days ahead. Returns how many were missing.
--
-- $1  ahead  int4

select webhooks.make_days($1::int)
