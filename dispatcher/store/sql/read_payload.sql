-- What is in an event, as it is stored.
--
-- $1  event  uuid

select v.data::text as data, v.context::text as context, v.key
  from webhooks.events v
 where v.id = $1::uuid
