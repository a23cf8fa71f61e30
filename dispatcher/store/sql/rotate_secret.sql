-- Give an endpoint another secret, the former one signing too for a while; no row where it is not there.
--
-- $1  endpoint  int8
-- $2  tenant    text    whose it has to be; null: anybody's
-- $3  secret    text    null: one is made
-- $4  overlap   float8  s; null: a day

-- Within what an interval can hold: the function says what is allowed.
select webhooks.rotate_secret(e.id, $3::text,
         case when $4::float8 is null then interval '24 hours' else least(greatest($4, -1), 1e9) * interval '1 s' end)
  from webhooks.endpoints e
 where e.id = $1::bigint and ($2::text is null or e.tenant = $2)
