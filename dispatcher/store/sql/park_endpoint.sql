-- Remember that an endpoint is parked, and since when it fails; both null: that it has recovered. False while somebody
-- else changes the row: waiting for them would hold up what there is to say about other endpoints.
--
-- $1  endpoint   int8
-- $2  failing_s  float8  how long it has been failing; null: it is not
-- $3  parked_s   float8  how long it stays parked; null: it is not

with free as materialized (
  select e.id from webhooks.endpoints e where e.id = $1::bigint for no key update skip locked
), changed as (
  update webhooks.endpoints e
     set failing_since = now() - $2::float8 * interval '1 s', parked_until = now() + $3::float8 * interval '1 s'
    from free f
   where e.id = f.id
)
select exists (select from free) or not exists (select from webhooks.endpoints e where e.id = $1) as done
