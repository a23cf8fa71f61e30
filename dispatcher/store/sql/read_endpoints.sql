-- Read the settings of the named endpoints; no row for one that is gone.
--
-- $1  endpoints  int8[]

select e.id, e.tenant, e.url, e.secret, e.previous_secret, e.previous_secret_until, e.api_key, e.headers::text as headers,
       e.timeout_s::float8 as timeout_s, e.max_in_flight, e.max_attempts, e.rate_limit::float8 as rate_limit, e.ordered,
       e.state, e.state_reason,
       extract(epoch from now() - e.failing_since)::float8 as failing_for_s,
       extract(epoch from e.parked_until - now())::float8 as parked_for_s
  from unnest($1::bigint[]) w (id)
 cross join lateral (select * from webhooks.endpoints e where e.id = w.id offset 0) e
