-- A page of the deliveries of one event, newest first.
--
-- $1  event   uuid
-- $2  tenant  text    whose they have to be; null: anybody's
-- $3  lane    int8    of this endpoint alone; null: all
-- $4  states  text[]  null: all
-- $5  before  int8    the last one of the page before; null: from the newest
-- $6  most    int4

select s.delivery_id, s.event_id, s.endpoint_id, s.tenant, s.type, s.state, s.attempts, s.last_status, s.last_reason,
       s.last_at, s.due_at
  from webhooks.delivery_status s
 where s.event_id = $1::uuid
   and ($2::text is null or s.tenant = $2)
   and ($3::bigint is null or s.endpoint_id = $3)
   and ($4::text[] is null or s.state = any ($4))
   and ($5::bigint is null or s.delivery_id < $5)
 order by s.delivery_id desc
 limit $6::int
