-- Take a token back; of one that was taken back before, the first time stays. No row: there is none of that id.
--
-- $1  id  int8

update webhooks.tokens t set revoked_at = coalesce(t.revoked_at, now()) where t.id = $1
returning t.id, t.name, t.revoked_at
