-- The catalogues of these profiles, as they are installed.
--
-- $1  profiles  text[]

select t.profile, t.name, t.description, t.example::text as example
  from webhooks.event_types t
 where t.profile = any ($1::text[])
 order by t.profile, t.name
