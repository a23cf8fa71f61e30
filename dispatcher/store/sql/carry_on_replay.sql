-- Go on with a replay by one slice.
--
-- $1  replay  int8
-- $2  scan    int4  how many events to look at

select * from webhooks.carry_on_replay($1, $2)
