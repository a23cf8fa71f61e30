-- Subscriptions to a profile whose pattern matches no type of its catalogue. `subscriptions` counts them all.
--
-- $1  profile  text
-- $2  most     int4  rows

with matching as materialized (
  select distinct c.pattern
    from webhooks.event_types t
   cross join lateral unnest(webhooks.candidates(t.name)) c (pattern)
   where t.profile = $1::text
)
select s.endpoint_id, s.pattern, count(*) over ()::int as subscriptions
  from webhooks.subscriptions s
  join webhooks.endpoints e on e.id = s.endpoint_id
 where (e.profile = $1
        or e.profile is null and exists (select from webhooks.profiles p where p.name = $1 and p.is_default))
   and s.pattern <> '*'
   and s.pattern not in (select m.pattern from matching m)
 order by s.endpoint_id, s.pattern
 limit $2::int
