-- The partitions of the days ahead that are not there.
--
-- $1  ahead  int4

select m.parent, m.child, m.day from webhooks.missing_days($1::int) m
