-- Drop a day's partition; says what became of it: dropped, needed, locked or gone.
--
-- $1  partition  text

select webhooks.drop_day($1::text)
