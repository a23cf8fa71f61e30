-- What the named endpoints keep secret, as it is there; no row for one that is gone.
--
-- $1  endpoints  int8[]

select e.id, e.tenant, e.secret, e.previous_secret, e.api_key, e.headers::text as headers
  from unnest($1::bigint[]) w (id)
 cross join lateral (select * from webhooks.endpoints e where e.id = w.id offset 0) e
