-- Remember that an endpoint is parked, and since when it fails; both null: that it has recovered.
--
-- $1  endpoint   int8
-- $2  failing_s  float8  how long it has been failing; null: it is not
-- $3  parked_s   float8  how long it stays parked; null: it is not

update webhooks.endpoints e
   set failing_since = now() - $2::float8 * interval '1 s', parked_until = now() + $3::float8 * interval '1 s'
 where e.id = $1::bigint
returning e.id
