-- What was answered to the request that had this Idempotency-Key.
--
-- $1  token_id  int8
-- $2  key       text

select r.fingerprint, r.status, r.reply, r.location from webhooks.requests r where r.token_id = $1 and r.key = $2
