-- Keep what is answered, for when the same request comes again.
--
-- $1  token_id  int8
-- $2  key       text
-- $3  status    int4
-- $4  reply     text    null: there is no body
-- $5  location  text    null: there is none

update webhooks.requests r set status = $3, reply = $4::text::json, location = $5 where r.token_id = $1 and r.key = $2
