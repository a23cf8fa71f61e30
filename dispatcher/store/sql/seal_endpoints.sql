-- Write what endpoints keep secret anew, where it still is as it was read; returns those written. What somebody else is
-- changing is left to them, and to another time: waiting for one would hold up all.
--
-- $1   ids               int8[]
-- $2   tenants           text[]  as read, and sealed for
-- $3   secrets           text[]  as read
-- $4   previous_secrets  text[]  as read
-- $5   api_keys          text[]  as read
-- $6   headers           text[]  as read
-- $7   new_secrets       text[]
-- $8   new_previous      text[]
-- $9   new_api_keys      text[]
-- $10  new_headers       text[]

with free as materialized (
  -- Until the end of this transaction: who writes what is sealed says so, and nobody does by mistake.
  select e.id, set_config('webhooks.sealing', 'on', true)
    from webhooks.endpoints e where e.id = any ($1::bigint[]) order by e.id for no key update skip locked
)
update webhooks.endpoints e
   set secret = w.new_secret, previous_secret = w.new_previous, api_key = w.new_api_key, headers = w.new_headers::json
  from unnest($1, $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[])
       w (id, tenant, secret, previous_secret, api_key, headers, new_secret, new_previous, new_api_key, new_headers)
  join free f on f.id = w.id
 where e.id = w.id
   and (e.tenant, e.secret, e.previous_secret, e.api_key, e.headers::text)
       is not distinct from (w.tenant, w.secret, w.previous_secret, w.api_key, w.headers)
returning e.id
