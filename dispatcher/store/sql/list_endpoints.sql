-- A page of endpoints with their settings and how they stand, by id.
--
-- $1  tenant  text  null: all
-- $2  states  text[]  null: all
-- $3  type    text  only those subscribed to events of this type; null: all
-- $4  after   int8  the last one of the page before
-- $5  most    int4

with page as materialized (
  select e.id
    from webhooks.endpoints e
   where e.id > $4::bigint
     and ($1::text is null or e.tenant = $1)
     and ($2::text[] is null or e.state = any ($2))
     and ($3::text is null or exists (
       select from webhooks.subscriptions s
        where s.endpoint_id = e.id and s.pattern = any (webhooks.candidates($3))))
   order by e.id
   limit $5::int
)
select s.*, t.open, t.oldest_due_at, t.last_status, t.last_outcome, t.last_at, l.reason as last_reason,
       r.delivered_1h, r.failed_1h, r.success_1h, r.p95_ms_1h, r.delivered_24h, r.failed_24h, r.success_24h, r.p95_ms_24h
  from page p
  join webhooks.endpoint_settings s on s.endpoint_id = p.id
  join webhooks.endpoint_status t on t.endpoint_id = p.id
  join webhooks.endpoint_rates r on r.endpoint_id = p.id
  left join lateral (
    -- Where the status does not say it already.
    select a.reason from webhooks.attempts a
     where t.last_at is not null and t.last_status is null and a.endpoint_id = t.endpoint_id and a.at = t.last_at
       and a.status is null and a.outcome = t.last_outcome
     limit 1
  ) l on true
 order by p.id
