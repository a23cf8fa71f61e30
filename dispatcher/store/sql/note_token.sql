-- Note that a token is in use; to the minute, since it is for people.
--
-- $1  id  int8

-- Where somebody is changing the row it is noted another time: others wait at the entrance behind this.
update webhooks.tokens t set last_used_at = now()
 where t.ctid = any (array(select x.ctid from webhooks.tokens x
                            where x.id = $1 and coalesce(x.last_used_at < now() - interval '1 minute', true)
                              for update skip locked))
