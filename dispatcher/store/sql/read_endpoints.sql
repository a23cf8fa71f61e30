-- Read the settings of the named endpoints; no row for one that is gone. Nothing here may fail, whatever slipped into a
-- row: one endpoint would stand in the way of all that are read with it.
--
-- $1  endpoints  int8[]

select e.id, e.tenant, e.url, e.profile, e.secret,
       -- One that is past its end cannot stand in the way, whatever it is.
       case when e.previous_secret_until > now() then e.previous_secret end as previous_secret,
       case when e.previous_secret_until between '1970-01-01 00:00+00' and '9999-12-31 00:00+00'
            then e.previous_secret_until end as previous_secret_until,
       e.api_key, e.headers::text as headers,
       case when e.timeout_s between 2 and 30 then e.timeout_s end::float8 as timeout_s, e.max_in_flight, e.max_attempts,
       case when e.rate_limit between 0.000001 and 1000000 then e.rate_limit end::float8 as rate_limit, e.ordered,
       e.state, e.state_reason,
       (extract(epoch from now()) - extract(epoch from e.failing_since))::float8 as failing_for_s,
       (extract(epoch from e.parked_until) - extract(epoch from now()))::float8 as parked_for_s
  from unnest($1::bigint[]) w (id)
 cross join lateral (select * from webhooks.endpoints e where e.id = w.id offset 0) e
