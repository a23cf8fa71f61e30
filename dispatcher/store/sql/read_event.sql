-- One event, and what became of it; not what is in it.
--
-- $1  event   uuid
-- $2  tenant  text  whose it has to be; null: anybody's

select v.event_id, v.tenant, v.type, v.occurred_at, v.fanned_out_at, v.matched
  from webhooks.event_status v
 where v.event_id = $1::uuid and ($2::text is null or v.tenant = $2)
