-- How many partitions of the days ahead are not there.
--
-- $1  ahead  int4

select count(*) from webhooks.missing_days($1::int)
