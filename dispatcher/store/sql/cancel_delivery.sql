-- End an open delivery; false where its state has nothing of it, no row where it is not there.
--
-- $1  delivery  int8
-- $2  tenant    text  whose it has to be; null: anybody's

select webhooks.cancel(s.delivery_id)
  from webhooks.delivery_status s
 where s.delivery_id = $1::bigint and ($2::text is null or s.tenant = $2)
