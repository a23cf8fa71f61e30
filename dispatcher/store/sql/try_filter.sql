-- Whether an event passes a filter; to see whether that can be said in time.
--
-- $1  event   uuid
-- $2  filter  text

select webhooks.passes($1::uuid, $2::text::jsonpath)
