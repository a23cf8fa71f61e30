-- Claim an Idempotency-Key: no row if somebody did within a day. Waits for one who is about to.
--
-- $1  token_id     int8
-- $2  key          text
-- $3  fingerprint  bytea

insert into webhooks.requests as r (token_id, key, fingerprint) values ($1, $2, $3)
on conflict (token_id, key) do update
   set fingerprint = excluded.fingerprint, status = null, reply = null, location = null, at = now()
 where r.at < now() - interval '1 day'
returning true as ours
