-- A page of the installed catalogues, by profile and name.
--
-- $1  profile        text  null: all
-- $2  after_profile  text  the last one of the page before
-- $3  after_name     text
-- $4  most           int4

select t.profile, t.name, t.description, t.example::text as example
  from webhooks.event_types t
 where ($1::text is null or t.profile = $1)
   and (t.profile, t.name) > ($2::text, $3::text)
 order by t.profile, t.name
 limit $4::int
