-- One delivery.
--
-- $1  delivery  int8
-- $2  tenant    text  whose it has to be; null: anybody's

select s.delivery_id, s.event_id, s.endpoint_id, s.tenant, s.type, s.state, s.attempts, s.last_status, s.last_reason,
       s.last_at, s.due_at
  from webhooks.delivery_status s
 where s.delivery_id = $1::bigint and ($2::text is null or s.tenant = $2)
