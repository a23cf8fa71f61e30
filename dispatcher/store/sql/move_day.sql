-- Make the partition of a day whose rows are in the DEFAULT, if that keeps nobody waiting; false: not now.
--
-- $1  parent  text
-- $2  day     date

select webhooks.move_day($1::text, $2::date)
