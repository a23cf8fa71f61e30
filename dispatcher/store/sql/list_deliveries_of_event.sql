-- A page of the deliveries of one event, latest activity first: as list_deliveries has them.
--
-- $1   event      uuid
-- $2   tenant     text         whose they have to be; null: anybody's
-- $3   lane       int8         of this endpoint alone; null: all
-- $4   pattern    text         a type, or order.*; null: all
-- $5   states     text[]       null: all
-- $6   since      timestamptz  null: from the first
-- $7   until      timestamptz  null: to the last
-- $8   before_at  timestamptz  the last one of the page before; null: from the latest
-- $9   before_id  int8
-- $10  most       int4

select s.delivery_id, s.event_id, s.endpoint_id, s.tenant, s.type, s.state, s.attempts, s.last_status, s.last_reason,
       s.last_at, s.due_at, coalesce(s.last_at, s.due_at) as at
  from webhooks.delivery_status s
 where s.event_id = $1::uuid
   and ($2::text is null or s.tenant = $2)
   and ($3::bigint is null or s.endpoint_id = $3)
   and ($4::text is null or $4 = any (webhooks.candidates(s.type)))
   and ($5::text[] is null or s.state = any ($5))
   and ($6::timestamptz is null or coalesce(s.last_at, s.due_at) >= $6)
   and ($7::timestamptz is null or coalesce(s.last_at, s.due_at) < $7)
   and ($8::timestamptz is null or (coalesce(s.last_at, s.due_at), s.delivery_id) < ($8, $9::bigint))
 order by coalesce(s.last_at, s.due_at) desc, s.delivery_id desc
 limit $10::int
