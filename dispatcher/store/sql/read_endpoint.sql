-- One endpoint with its settings and how it stands.
--
-- $1  endpoint  int8
-- $2  tenant    text  whose it has to be; null: anybody's

select s.*, t.open, t.oldest_due_at, t.last_status, t.last_outcome, t.last_at, l.reason as last_reason,
       r.delivered_1h, r.failed_1h, r.success_1h, r.p95_ms_1h, r.delivered_24h, r.failed_24h, r.success_24h, r.p95_ms_24h
  from webhooks.endpoint_settings s
  join webhooks.endpoint_status t on t.endpoint_id = s.endpoint_id
  join webhooks.endpoint_rates r on r.endpoint_id = s.endpoint_id
  left join lateral (
    -- Where the status does not say it already.
    select a.reason from webhooks.attempts a
     where t.last_at is not null and t.last_status is null and a.endpoint_id = t.endpoint_id and a.at = t.last_at
       and a.status is null and a.outcome = t.last_outcome
     limit 1
  ) l on true
 where s.endpoint_id = $1::bigint and ($2::text is null or s.tenant = $2)
