-- One endpoint with its settings and how it stands.
--
-- $1  endpoint  int8
-- $2  tenant    text  whose it has to be; null: anybody's

select s.*, t.open, t.oldest_due_at, t.last_status, t.last_outcome, t.last_at
  from webhooks.endpoint_settings s
  join webhooks.endpoint_status t on t.endpoint_id = s.endpoint_id
 where s.endpoint_id = $1::bigint and ($2::text is null or s.tenant = $2)
