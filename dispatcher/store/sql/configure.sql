-- Set parameters for as long as the session lasts.
--
-- $1  names   text[]
-- $2  values  text[]

select set_config(s.name, s.value, false) from unnest($1::text[], $2::text[]) s (name, value)
