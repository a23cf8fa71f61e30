-- The next endpoint that has been at rest for so long that work it holds may have expired.
--
-- $1  after   int8    endpoints above this one
-- $2  hold_s  float8

select e.id
  from webhooks.endpoints e
 where e.id > $1::bigint and e.state <> 'active' and not (e.state = 'disabled' and e.state_reason is not distinct from 'gone')
   and e.state_at <= now() - $2::float8 * interval '1 s'
   and exists (select from webhooks.deliveries d where d.endpoint_id = e.id and not d.test offset 0)
 order by e.id
 limit 1
