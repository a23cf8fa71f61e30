-- Those of these tokens that count now.
--
-- $1  ids  int8[]

select t.id, t.name, t.scope, t.tenant, t.digest
  from webhooks.tokens t
 where t.id = any ($1::bigint[]) and t.revoked_at is null and coalesce(t.expires_at > now(), true)
