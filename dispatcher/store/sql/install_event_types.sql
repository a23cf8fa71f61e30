-- Write a profile's catalogue, where it differs; types that are no longer in it go. Says how many of each there were, and
-- whether the profile itself is mirrored.
--
-- $1  profile       text
-- $2  names         text[]
-- $3  descriptions  text[]
-- $4  examples      text[]  JSON texts, kept as written

with given as materialized (
  select g.name, g.description, g.example from unnest($2::text[], $3::text[], $4::text[]) g (name, description, example)
), present as materialized (
  select t.name from webhooks.event_types t where t.profile = $1::text
), written as (
  insert into webhooks.event_types as t (profile, name, description, example)
  select $1, g.name, g.description, g.example::json from given g order by g.name
  on conflict (profile, name) do update
    set description = excluded.description, example = excluded.example
    where (t.description, t.example::text) is distinct from (excluded.description, excluded.example::text)
  returning t.name
), removed as (
  delete from webhooks.event_types t where t.profile = $1 and t.name not in (select g.name from given g)
  returning t.name
), counted as (
  select count(*) filter (where p.name is null) as added, count(*) filter (where p.name is not null) as changed
    from written w
    left join present p on p.name = w.name
)
select c.added, c.changed, (select count(*) from removed) as removed,
       (select count(*) from given) - c.added - c.changed as unchanged,
       exists (select from webhooks.profiles p where p.name = $1) as mirrored
  from counted c
