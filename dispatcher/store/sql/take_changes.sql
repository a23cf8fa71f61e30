-- Take the changes to endpoints that were committed since the last look.
--
-- $1  most  int4

delete from webhooks.changes c
 where c.id = any (array(select x.id from webhooks.changes x order by x.id limit $1::int))
returning c.endpoint_id
