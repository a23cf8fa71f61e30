-- Count what a slice of a replay would make, and make nothing.
--
-- $1  endpoint   int8
-- $2  since      timestamptz
-- $3  until      timestamptz
-- $4  types      text[]  patterns
-- $5  only_dead  bool    only events whose last delivery there ended dead
-- $6  after      uuid    the last event looked at; null: from the beginning
-- $7  scan       int4    how many events to look at

select p.after, p.looked, p.made from webhooks.preview_replay($1, $2, $3, $4, $5, $6, $7) p
