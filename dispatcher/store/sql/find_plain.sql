-- Look at the next endpoints: those with a secret value that does not begin as it should. `last` is how far it went, null
-- at the end; a row of nulls but for that where there is none. Nothing here may fail, whatever slipped into a row.
--
-- $1  after   int8  endpoints above this one ...
-- $2  most    int4  ... this many at the most
-- $3  prefix  text  how a value begins that is sealed as it should be

with slice as materialized (
  select e.id, e.tenant, e.secret, e.previous_secret, e.api_key, e.headers::text as headers
    from webhooks.endpoints e
   where e.id > $1::bigint
   order by e.id
   limit $2::int
)
select l.last, p.*
  from (select max(s.id) as last from slice s) l
  left join lateral (
    select s.*
      from slice s
     where not starts_with(s.secret, $3::text) or not starts_with(s.previous_secret, $3) or not starts_with(s.api_key, $3)
        -- The strings after a colon are the values: as text, because reading JSON can fail.
        or exists (select from regexp_matches(s.headers, ':\s*"((?:[^"\\]|\\.)*)"', 'g') m where not starts_with(m[1], $3))
  ) p on true
