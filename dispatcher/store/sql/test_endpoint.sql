-- Send an endpoint a test, and say which delivery that is; no row where it is not there.
--
-- $1  endpoint  int8
-- $2  tenant    text  whose it has to be; null: anybody's
-- $3  type      text  null: webhook.ping

select webhooks.ping(e.id, $3::text)
  from webhooks.endpoints e
 where e.id = $1::bigint and ($2::text is null or e.tenant = $2)
