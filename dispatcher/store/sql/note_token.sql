-- Note that a token is in use; to the minute, since it is for people.
--
-- $1  id  int8

update webhooks.tokens t set last_used_at = now()
 where t.id = $1 and coalesce(t.last_used_at < now() - interval '1 minute', true)
