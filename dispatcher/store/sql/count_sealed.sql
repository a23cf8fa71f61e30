-- With which keys endpoints have their secret values sealed: the key's id, null for what is plain, and how many endpoints
-- have such values.

select k.key_id, count(*)::int as endpoints
  from webhooks.endpoints e
 cross join lateral (
   -- What is damaged may be anything, and is not shown.
  select distinct case when x.value ~ '^sealed:v1:[A-Za-z0-9_-]{1,32}(:|$)' then split_part(x.value, ':', 3)
                       when starts_with(x.value, 'sealed:v1:') then '(damaged)' end as key_id
     from (select unnest(array[e.secret, e.previous_secret, e.api_key])
           union all
           -- The strings after a colon are the values: as text, because reading JSON can fail.
           select m[1] from regexp_matches(e.headers::text, ':\s*"((?:[^"\\]|\\.)*)"', 'g') m) x (value)
    where x.value is not null
 ) k
 group by k.key_id
