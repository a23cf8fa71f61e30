-- The group roles that are not there, or may not even look into the schema.

select w.role, to_regrole(w.role) is not null as there
  from unnest(array['webhooks_producer', 'webhooks_operator']) w (role)
 where to_regrole(w.role) is null or not has_schema_privilege(to_regrole(w.role), 'webhooks', 'usage')
 order by w.role
