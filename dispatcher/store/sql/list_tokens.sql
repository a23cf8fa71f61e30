-- All tokens and what became of them, the newest last.

select t.id, t.name, t.scope, t.tenant, t.created_at, t.expires_at, t.revoked_at, t.last_used_at,
       case when t.revoked_at is not null then 'revoked'
            when t.expires_at <= now() then 'expired'
            else 'live' end as state
  from webhooks.tokens t
 order by t.id
