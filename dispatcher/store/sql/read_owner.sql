-- Who owns the schema, and whether we may act as that role; no row where there is no schema.

select pg_get_userbyid(n.nspowner) as owner, current_user as role, pg_has_role(n.nspowner, 'usage') as ours
  from pg_namespace n
 where n.nspname = 'webhooks'
