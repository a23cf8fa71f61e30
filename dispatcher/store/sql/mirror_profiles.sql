-- Write what the profile files say into `profiles`, where it differs; where nothing does, nothing is locked.
--
-- $1  profiles  text  a JSON array of objects with the columns' names
-- $2  alone     bool  take those away that are not among them

with given as materialized (
  select g.* from jsonb_to_recordset($1::text::jsonb) g (
    name text, is_default boolean, description text, scheme text, secret text, encoding text, signature_header text,
    api_key_header text, content_type text, success int[], timeout_s numeric, max_in_flight int, max_attempts int,
    https_only boolean, unique_url boolean, required text[], initial_state text, strict boolean)
), different as materialized (
  select g.* from given g where not exists (select from webhooks.profiles p where p.* is not distinct from g.*)
), written as (
  insert into webhooks.profiles as p (
    name, is_default, description, scheme, secret, encoding, signature_header, api_key_header, content_type, success,
    timeout_s, max_in_flight, max_attempts, https_only, unique_url, required, initial_state, strict)
  select d.* from different d
  on conflict (name) do update
    set (is_default, description, scheme, secret, encoding, signature_header, api_key_header, content_type, success,
         timeout_s, max_in_flight, max_attempts, https_only, unique_url, required, initial_state, strict)
      = (excluded.is_default, excluded.description, excluded.scheme, excluded.secret, excluded.encoding,
         excluded.signature_header, excluded.api_key_header, excluded.content_type, excluded.success, excluded.timeout_s,
         excluded.max_in_flight, excluded.max_attempts, excluded.https_only, excluded.unique_url, excluded.required,
         excluded.initial_state, excluded.strict)
), demoted as (
  update webhooks.profiles p set is_default = false
   where not $2::boolean and p.is_default and p.name not in (select g.name from given g)
     and exists (select from given g where g.is_default)
)
delete from webhooks.profiles p where $2 and p.name not in (select g.name from given g)
