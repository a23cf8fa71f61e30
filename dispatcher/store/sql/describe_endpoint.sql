-- What a person knows an endpoint by; no row for one that is not there.
--
-- $1  endpoint  int8

select e.id, e.tenant, e.name, split_part(e.url, '?', 1) as url, e.state, e.state_reason
  from webhooks.endpoints e
 where e.id = $1
