-- End a replay where it is.
--
-- $1  replay  int8

select * from webhooks.end_replay($1)
