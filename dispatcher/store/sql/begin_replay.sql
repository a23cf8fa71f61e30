-- Begin a replay: nothing is made yet.
--
-- $1  endpoint   int8
-- $2  since      timestamptz
-- $3  until      timestamptz
-- $4  types      text[]  patterns
-- $5  only_dead  bool    only events whose last delivery there ended dead

select * from webhooks.begin_replay($1, $2, $3, $4, $5)
