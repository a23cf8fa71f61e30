-- Change what is given of an endpoint, and nothing else; no row where it is not there.
--
-- $1  endpoint  int8
-- $2  tenant    text  whose it has to be; null: anybody's
-- $3  changes   json  by name, as webhooks.subscribe has them

select webhooks.update_endpoint(e.id, $3::json)
  from webhooks.endpoints e
 where e.id = $1::bigint and ($2::text is null or e.tenant = $2)
