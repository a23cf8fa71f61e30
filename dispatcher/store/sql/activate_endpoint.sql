-- Send to an endpoint that is inactive or disabled; no row where it is not there.
--
-- $1  endpoint  int8
-- $2  tenant    text  whose it has to be; null: anybody's

select webhooks.activate(e.id)
  from webhooks.endpoints e
 where e.id = $1::bigint and ($2::text is null or e.tenant = $2)
