-- Keep a token: not its text, which is shown once, but its digest.
--
-- $1  id       int8
-- $2  name     text
-- $3  scope    text
-- $4  tenant   text    null: all tenants
-- $5  digest   bytea
-- $6  lives_s  float8  from now on ...
-- $7  until    float8  ... or to an instant, s since 1970; both null: until it is revoked

insert into webhooks.tokens (id, name, scope, tenant, digest, expires_at)
overriding system value
values ($1, $2, $3, $4, $5, coalesce(to_timestamp($7::float8), now() + $6::float8 * interval '1 second'))
returning expires_at
