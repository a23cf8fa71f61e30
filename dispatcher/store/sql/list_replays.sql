-- The replays there are, the latest first: unfinished ones, and finished ones of the last weeks.
--
-- $1  replay  int8  this one alone; null: all

select r.* from webhooks.replays r where $1::bigint is null or r.id = $1 order by r.id desc
