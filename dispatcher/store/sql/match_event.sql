-- What there is of a tenant's endpoints to say whether an event of some type would reach them: their states, and the
-- filters of the subscriptions whose pattern matches, none of them evaluated.
--
-- $1  tenant    text
-- $2  type      text
-- $3  endpoint  int8  this one alone; null: all

select e.id as endpoint_id, e.name, split_part(e.url, '?', 1) as url, e.state, e.state_reason,
       coalesce(e.parked_until > now(), false) as parked, coalesce(s.patterns, '{}') as patterns,
       coalesce(s.unfiltered, false) as unfiltered, coalesce(s.filters, '{}') as filters
  from webhooks.endpoints e
  left join (
    select s.endpoint_id, array_agg(distinct s.pattern) as patterns, bool_or(s.filter is null) as unfiltered,
           array_agg(distinct s.filter::text) filter (where s.filter is not null) as filters
      from unnest(webhooks.candidates($2::text)) c (pattern)
      join webhooks.subscriptions s on s.tenant = $1::text and s.pattern = c.pattern
     group by s.endpoint_id
  ) s on s.endpoint_id = e.id
 where e.tenant = $1 and ($3::bigint is null or e.id = $3)
 order by e.id
