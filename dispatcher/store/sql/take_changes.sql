-- Take the changes to endpoints that were committed since the last look.
--
-- $1  most   int4
-- $2  epoch  int8  ours; under another's there is nothing to be found

delete from webhooks.changes c
 where c.id = any (array(select x.id from webhooks.changes x order by x.id limit $1::int))
   and exists (select from webhooks.holder h where h.is_one and h.epoch = $2::bigint)
returning c.endpoint_id
